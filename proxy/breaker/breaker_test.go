package breaker_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"sealfront/proxy/breaker"
)

var errMet = errors.New("met")

// It opens when a call ran out of time and nobody has had an answer since that began, lets one call a second through,
// and closes with the first answer.
func TestAnOpenBreakerLetsOneThroughASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New()
		want := func(what string, open bool, trouble string) {
			t.Helper()
			if h := b.Health(); h.Trouble != trouble || (b.Allow() != nil) != open {
				t.Errorf("%s: %q, want %q; open: %t", what, h.Trouble, trouble, !open)
			}
		}
		want("at first", false, "")
		start := time.Now()
		time.Sleep(time.Second)
		b.Heard(nil, time.Now(), time.Now())
		b.Failed(breaker.Hanging, errMet, start)
		want("somebody was answered meanwhile", false, "")
		if h := b.Health(); !errors.Is(h.Last, errMet) {
			t.Errorf("the last error: %v", h.Last)
		}
		start = time.Now().Add(time.Nanosecond)
		time.Sleep(time.Second)
		b.Failed(breaker.Hanging, errMet, start)
		want("nobody was", true, breaker.Hanging)
		through := 0
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			if b.Allow() == nil {
				through++
			}
		}
		if through < 9 || through > 11 {
			t.Errorf("%d calls were let through in ten seconds", through)
		}
		since := b.Health().Since
		b.Failed(breaker.Hanging, errMet, time.Now())
		if !b.Health().Since.Equal(since) {
			t.Error("it began anew")
		}
		b.Failed(breaker.Away, errMet, time.Now())
		want("nobody is there", false, breaker.Away)
		b.Heard(errMet, time.Now(), time.Now())
		want("it answers, badly", false, breaker.Refusing)
		time.Sleep(time.Second)
		b.Heard(nil, time.Now(), time.Now())
		want("well again", false, "")
		b.Heard(errMet, time.Now().Add(-time.Minute), time.Now())
		want("a bad answer to an old call", false, "")
	})
}
