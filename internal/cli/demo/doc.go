// Package demo is the command `demo`: the main job of the product, from a plan to
// its payout, told to somebody who sees it for the first time.
//
// What always holds: everything goes through the calls that any client makes; the
// clock stands at a fixed time and the amounts are fixed, so that every demo tells
// the same; what it says was paid was read from the statements, and a statement
// that contradicts the rule book fails the demo; nothing is left behind.
package demo
