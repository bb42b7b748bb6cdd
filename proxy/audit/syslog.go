package audit

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// A syslog makes messages of RFC 5424, facility 13 (log audit) and severity 6 (informational):
//
//	<110>1 2026-11-30T02:00:00.000000Z HOST sealfront PID audit - {"hash":…}
type syslog struct {
	now  func() time.Time
	rest string // of the header, behind the time
}

func newSyslog(now func() time.Time) *syslog {
	name, _ := os.Hostname() // "" is a message without one
	host := strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, name)
	if host == "" {
		host = "-"
	}
	return &syslog{now, fmt.Sprintf(" %.255s sealfront %d audit - ", host, os.Getpid())}
}

// message is the message for a line without its end; counted: with its length in front.
func (s *syslog) message(line []byte, counted bool) []byte {
	header := "<110>1 " + s.now().UTC().Format("2006-01-02T15:04:05.000000Z") + s.rest
	b := make([]byte, 0, 8+len(header)+len(line)+1)
	if counted {
		b = append(strconv.AppendInt(b, int64(len(header)+len(line)), 10), ' ')
	}
	return append(append(b, header...), line...)
}
