// Package ledger keeps earnings, totals, payouts and payout runs in a
// [store.DB]. It is written once, against the contract of package store.
package ledger
