// Package storetest holds every engine to the contract of package store.
//
// An engine's own test calls [Run] with a way to make fresh stores. What the suite can't know, such as how
// to cut an engine's power, the engine tests by itself.
package storetest
