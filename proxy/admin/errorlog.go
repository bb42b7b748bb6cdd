package admin

import (
	"log"
	"strings"
)

// ErrorLog is what an http.Server reports to: what clients' connections failed by goes to noise, which any stranger can
// cause, and everything else, such as a handler's panic, to fault.
func ErrorLog(noise, fault func(text string)) *log.Logger {
	return log.New(errorLog{noise, fault}, "", 0)
}

type errorLog struct{ noise, fault func(text string) }

func (l errorLog) Write(line []byte) (int, error) {
	say := l.fault
	if strings.HasPrefix(string(line), "http: TLS handshake error") {
		say = l.noise
	}
	say(strings.TrimSuffix(string(line), "\n"))
	return len(line), nil
}
