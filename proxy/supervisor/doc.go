// Package supervisor reports to the service manager that started the program, by systemd's sd_notify protocol:
// datagrams of NAME=VALUE lines to the socket that NOTIFY_SOCKET names.
//
//	start    STATUS=waiting for the store or the key service … and EXTEND_TIMEOUT_USEC=…
//	ready    READY=1, and STATUS=…
//	SIGHUP   RELOADING=1 and MONOTONIC_USEC=…, then READY=1 and STATUS=…
//	SIGTERM  STOPPING=1, STATUS=… and EXTEND_TIMEOUT_USEC=…: what the drain may take
//	always   WATCHDOG=1, three times within WATCHDOG_USEC, while the program can answer
//
// Without NOTIFY_SOCKET nothing is sent and nothing is checked. A manager that can't be reached costs one line in the
// log: the program serves all the same.
//
// Promised: WATCHDOG=1 is sent only after a check that ended in time, and a check that hangs keeps nothing but the
// watchdog from being fed (TestAWatchdogIsFedWhileTheCheckEnds).
package supervisor
