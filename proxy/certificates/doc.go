// Package certificates knows when certificates end: those that a server shows to its clients, and the authorities that
// it trusts. A Watcher says so in log, metrics and health, before connections are refused.
package certificates
