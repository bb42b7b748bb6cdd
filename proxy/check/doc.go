// Package check tries everything that a configuration names before a start does, and says what to do about each
// failure.
//
// A fault would keep the program from starting, or its clients from being served; a warning would not, or not yet. It
// changes nothing but what the store's probe puts below probe- in the state bucket and removes.
package check
