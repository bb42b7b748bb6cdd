// Package status shows an operator how the program does: a page, and what it shows as JSON.
//
//	metrics.Snapshot ──every 10 s──▶ History, an hour ──┐
//	Sources: health, buckets, facts ────────────────────┴─▶ GET /status (JSON) ◀─every 5 s─ GET / (one HTML page)
//
// The page needs nothing from elsewhere: style and script are in it, and its Content-Security-Policy allows no other.
// Values that clients choose, such as names of buckets, reach it as JSON and are set as text, never as HTML. It shows
// no secrets and no keys of objects.
package status
