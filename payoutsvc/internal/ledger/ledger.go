package ledger

import (
	"github.com/incentives-dev/incentives/internal/store"
)

// A Ledger is what payoutsvc knows: what was earned, what is paid, and how far
// its payout runs are. It holds nothing but the store, and may be used by any
// number of goroutines, and beside other Ledgers of the same store.
//
// Its methods fail with what the store fails with, which package rpc has words
// for, besides the refusals that they name.
type Ledger struct {
	db store.DB
}

// New is the ledger in a store.
func New(db store.DB) *Ledger { return &Ledger{db: db} }
