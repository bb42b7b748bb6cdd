package sigv4_test

import (
	"fmt"
	"testing"
	"time"

	"sealfront/sigv4"
)

func TestClockOfHeaderSignedRequests(t *testing.T) {
	const skewed = "The difference between the request time and the current time is too large."
	shifted := func(by time.Duration) *sigv4.Message { return signedAt(now.Add(by), request(t, "GET", "/key"), "s3") }
	const invalid = "AWS authentication requires a valid Date or x-amz-date header"
	dated := func(headers ...string) *sigv4.Message {
		m := request(t, "GET", "/key", append(headers, "X-Amz-Content-Sha256: UNSIGNED-PAYLOAD")...)
		c := sigv4.Credentials{AccessKeyID: exampleKey, SecretAccessKey: exampleSecret}
		set(m, "Authorization", string(sigv4.NewSigner("us-west-2", "s3").AppendAuthorization(nil, m, &c, now)))
		return m
	}
	testRows(t, []row{
		{name: "5 minutes late", request: shifted(-5 * time.Minute)},
		{name: "5 minutes early", request: shifted(5 * time.Minute)},
		{name: "900 seconds late", request: shifted(-900 * time.Second)},
		{name: "900 seconds early", request: shifted(900 * time.Second)},
		{
			name: "901 seconds late", request: shifted(-901 * time.Second), code: "RequestTimeTooSkewed",
			message: skewed,
			elements: map[string]string{
				"RequestTime": "20261123T064459Z", "ServerTime": "2026-11-23T07:00:00Z",
				"MaxAllowedSkewMilliseconds": "900000",
			},
		},
		{name: "901 seconds early", request: shifted(901 * time.Second), code: "RequestTimeTooSkewed", message: skewed},
		{
			name: "skew comes before the scope", request: replaced(t, shifted(-time.Hour), "us-west-2", "eu-west-1"),
			code: "RequestTimeTooSkewed",
		},
		{
			name:    "skew comes before the signature",
			request: replaced(t, shifted(-time.Hour), "Signature=", "Signature=0"), code: "RequestTimeTooSkewed",
		},
		{name: "skew comes before the payload hash", request: func() *sigv4.Message {
			m := shifted(-time.Hour)
			set(m, "X-Amz-Content-Sha256", "")
			return m
		}(), code: "RequestTimeTooSkewed"},
		{
			name:    "yesterday, skew comes before the credential's date",
			request: replaced(t, shifted(-time.Hour), "/20261123/", "/20261120/"), code: "RequestTimeTooSkewed",
		},
		{name: "Date in RFC 1123", request: dated("Date: Mon, 23 Nov 2026 07:00:00 GMT")},
		{name: "Date with a numeric zone", request: dated("Date: Mon, 23 Nov 2026 08:00:00 +0100")},
		{name: "Date in ISO 8601 basic", request: dated("Date: 20261123T070000Z")},
		{
			name:    "x-amz-date wins over Date",
			request: dated("Date: Sat, 01 Jan 2000 00:00:00 GMT", "X-Amz-Date: 20261123T070000Z"),
		},
		{name: "neither", request: dated(), code: "AccessDenied", message: invalid},
		{name: "x-amz-date empty", request: dated("X-Amz-Date:"), code: "AccessDenied", message: invalid},
		{
			name: "x-amz-date in RFC 1123", request: dated("X-Amz-Date: Mon, 23 Nov 2026 07:00:00 GMT"),
			code: "AccessDenied", message: invalid,
		},
		{
			name: "x-amz-date on a day that doesn't exist", request: dated("X-Amz-Date: 20260230T000000Z"),
			code: "AccessDenied", message: invalid,
		},
		{
			name: "x-amz-date twice", request: dated("X-Amz-Date: 20261123T070000Z", "X-Amz-Date: 20261123T070000Z"),
			code: "AccessDenied", message: invalid,
		},
		{
			name: "Date in another zone's name", request: dated("Date: Mon, 23 Nov 2026 07:00:00 PST"),
			code: "AccessDenied", message: invalid,
		},
		{
			name: "Date twice", request: dated("Date: Mon, 23 Nov 2026 07:00:00 GMT",
				"Date: Mon, 23 Nov 2026 07:00:00 GMT"), code: "AccessDenied", message: invalid,
		},
	})
}

func TestAppendTimestamp(t *testing.T) {
	for _, c := range []struct {
		time time.Time
		want string
	}{
		{now, "20261123T070000Z"},
		{time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600)), "20260102T020405Z"},
		{time.Date(999, 12, 31, 23, 59, 59, 0, time.UTC), "09991231T235959Z"},
	} {
		if got := string(sigv4.AppendTimestamp([]byte("x"), c.time)); got != "x"+c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

// TestTimestampsAreThoseOfTheLibrary holds the two functions against package time, with every day and every value of
// two digits that could be one.
func TestTimestampsAreThoseOfTheLibrary(t *testing.T) {
	const layout = "20060102T150405Z"
	check := func(s string) {
		t.Helper()
		got, ok := sigv4.ParseTimestamp([]byte(s))
		want, err := time.Parse(layout, s)
		if ok != (err == nil) || ok && got != want {
			t.Fatalf("%s: %v, %t; want %v, %v", s, got, ok, want, err)
		}
		if again := string(sigv4.AppendTimestamp(nil, want)); err == nil && again != s {
			t.Fatalf("%s became %s", s, again)
		}
	}
	for _, year := range []int{0, 1, 4, 100, 400, 1582, 1900, 1969, 1970, 2000, 2023, 2024, 2026, 2100, 9999} {
		for month := range 15 {
			for day := range 34 {
				check(fmt.Sprintf("%04d%02d%02dT070000Z", year, month, day))
			}
		}
	}
	for n := range 100 {
		check(fmt.Sprintf("20261123T%02d0000Z", n))
		check(fmt.Sprintf("20261123T07%02d00Z", n))
		check(fmt.Sprintf("20261123T0700%02dZ", n))
	}
	for i := range layout {
		for b := range 256 {
			s := []byte("20261123T070000Z")
			s[i] = byte(b)
			check(string(s))
		}
	}
}

// TestSkew holds whole seconds against the library's subtraction, around both ends of what is accepted.
func TestSkew(t *testing.T) {
	for _, end := range []time.Duration{-15 * time.Minute, 0, 15 * time.Minute, 1 << 62, -1 << 62} {
		for _, by := range []time.Duration{
			-time.Second - 1, -time.Second, -1, 0, 1, time.Second / 2, time.Second - 1, time.Second, time.Second + 1,
		} {
			for _, signed := range []time.Time{now, time.Unix(-1, 0), {}} {
				clock := signed.Add(end).Add(by)
				if got, want := sigv4.Skewed(clock, signed), clock.Sub(signed).Abs() > 15*time.Minute; got != want {
					t.Errorf("%v at %v: %t, want %t", signed, clock, got, want)
				}
			}
		}
	}
}

func TestReadAtLooksAtNoOtherClock(t *testing.T) {
	v := sigv4.NewVerifier(sigv4.Options{
		Regions: []string{"us-west-2"}, Now: func() time.Time { panic("asked for the time") },
	})
	var a sigv4.Authentication
	for _, m := range []*sigv4.Message{
		signed(t, "GET", "/key"), signed(t, "GET", "/key"), presigned(t, now, time.Hour, "/key"),
	} {
		if err := v.ReadAt(now, m, &a, "s3"); err != nil {
			t.Error(err)
		}
		if err := v.Check(m, &a, exampleSecret); err != nil {
			t.Error(err)
		}
		if err := v.ReadAt(now.Add(-time.Hour), m, &a, "s3"); code(err) != "RequestTimeTooSkewed" &&
			code(err) != "AccessDenied" {
			t.Error(err)
		}
	}
}
