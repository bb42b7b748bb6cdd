package status_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/metrics"
	"sealfront/proxy/status"
)

// What the page says first is a sentence for each trouble, the worst first.
func TestTheHeadline(t *testing.T) {
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d - time.Second) }
	utc := func(d time.Duration) string { return ago(d).UTC().Format("15:04 UTC") }
	well := status.Standing{Name: "kms", State: "well", Since: ago(time.Hour)}
	for _, c := range []struct {
		name     string
		notReady bool
		health   []status.Standing
		ok, bad  int // requests in the last minute
		damaged  bool
		want     []string // level: text | why | works
	}{
		{name: "all is well", health: []status.Standing{well}, ok: 200, want: []string{"well: All is well||"}},
		{
			name: "a store that hangs", ok: 3, health: []status.Standing{well, {
				Name: "store", State: "hanging", Bad: true, Why: "no answer within 2s", Works: "sessions",
				Since: ago(4 * time.Minute),
			}},
			want: []string{"bad: The store hangs, since " + utc(4*time.Minute) + " (4 min)|no answer within 2s|sessions"},
		},
		{
			name: "the worst first", health: []status.Standing{
				{Name: "configuration", State: "due", Why: "waits for the next start: region", Works: "all", Since: ago(0)},
				{Name: "kms", State: "refusing", Bad: true, Since: ago(50 * time.Hour)},
				{Name: "audit", State: "refusing", Bad: true, Since: ago(2 * time.Hour)},
			},
			want: []string{
				"bad: KMS refuses calls, since " + ago(50*time.Hour).UTC().Format("2006-01-02 15:04 UTC") + " (2 days)||",
				"bad: The audit log can't be written, since " + utc(2*time.Hour) + " (2 h)||",
				"due: A change of the configuration isn't in force, since " + utc(0) + " (1 s)|waits for the next start: region|",
			},
		},
		{
			name: "a dependency without a sentence", health: []status.Standing{{Name: "moon", State: "away", Bad: true}},
			want: []string{"bad: moon is away||"},
		},
		{
			name: "draining", notReady: true, health: []status.Standing{well},
			want: []string{"due: This replica drains, or hasn't started yet||requests that are in flight"},
		},
		{
			name: "not ready by what is said anyhow", notReady: true,
			health: []status.Standing{{Name: "certificates", State: "refusing", Bad: true}},
			want:   []string{"bad: Clients are shown a certificate that isn't valid||"},
		},
		{
			name: "a few fail", ok: 95, bad: 5,
			want: []string{"due: 5 % of the requests fail, in the last 10 s|the last failures say why|"},
		},
		{
			name: "nearly all fail", ok: 1, bad: 99,
			want: []string{"bad: 99 % of the requests fail, in the last 10 s|the last failures say why|"},
		},
		{name: "one in a thousand fails", ok: 999, bad: 1, want: []string{"well: All is well||"}},
		{
			name: "damage", damaged: true, want: []string{
				"bad: 1 sealed item didn't open in the last hour|the store holds altered or damaged data; the log names it|" +
					"everything else",
			},
		},
	} {
		m := metrics.New()
		clock := &clock{time.Now()}
		h := status.NewHistory(m.Snapshot, clock.Now)
		clock.now = clock.now.Add(status.Every)
		for i := range c.ok + c.bad {
			m.Request("GetObject", map[bool]string{true: "OK", false: "SlowDown"}[i < c.ok], time.Millisecond)
		}
		if c.damaged {
			m.Integrity("segment")
		}
		s := sources(h)
		s.Health = func() []status.Standing { return c.health }
		s.Ready = func() bool { return !c.notReady }
		r, err := s.Report(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range r.Headline {
			got = append(got, fmt.Sprintf("%s: %s|%s|%s", l.Level, l.Text, l.Why, l.Works))
		}
		if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}
