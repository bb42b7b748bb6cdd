// Package audit writes the audit log: one record for each decision about a request, in lines that are chained, so that
// a line changed, removed, moved or put in shows. They go to a file, to a stream, or to a socket as lines or as
// messages of syslog.
//
//	{"hash":"H1","seq":1,"event":"begin","previous":"0…0",…}     H1 = SHA-256(previous ‖ the line without its hash)
//	{"hash":"H2","seq":2,"time":…,"request":…,"decision":…}      H2 = SHA-256(H1 ‖ the line without its hash)
//	…
//	{"hash":"Hn","seq":n,"event":"end",…}                        the file was moved away; the next begins with Hn
//
// A line's record is the line from behind its hash, with a brace in front: {"seq":2,"time":…}. A file begins with an
// event begin that names the last hash of the file before it, zeros for the first; so files that were moved away can be
// verified one after the other. Beside FILE lies FILE.head with the number and the hash of the last record, from which
// the chain continues after a restart, and by which a file that lost its end is known. The chain of a stream or a
// socket begins anew with each start; a batch that was being sent when a connection broke is sent again over the next.
//
// Promised: a change of one byte, a line removed or moved, and an end cut off are found and named
// (TestEveryChangeIsFound); the chain continues over restarts and moved files (TestTheChainGoesOn); a request never
// waits for the sink, and what could not be written is counted, in the log as in the metrics (TestAFailingFile); a sink
// that hangs is known by the time that a record has waited, and what has waited too long is given up unless it must be
// kept (TestASinkThatHangs); a receiver that closes its end is known, and gets what waits when it is back
// (TestASocketThatClosesAndComesBack); Close doesn't wait for a sink that hangs
// (TestCloseDoesNotWaitForASinkThatHangs). Records hold no secrets, signatures or bodies.
//
// Not protected: whoever may write the file and FILE.head can make a chain of his own. To hold him too, keep a hash
// elsewhere: the program writes the latest to its own log every hour, and `sealfront audit verify --expect HASH` looks
// for it. What a socket's kernel has taken counts as written. Records that were accepted in the last moments before the
// machine fails may be lost.
package audit
