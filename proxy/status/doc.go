// Package status shows an operator how the program does: a page, and what it shows as JSON.
//
//	metrics.Snapshot ──every 10 s──▶ History, an hour ──┐
//	the gateway's failures ──▶ Failures, the last ones ─┤
//	Sources: health, facts ─────────────────────────────┼─▶ GET /status (JSON) ◀─every 5 s─ GET / (one HTML page)
//	buckets, replicas ◀─in the background────────────────┘
//
// [Plain] is the page of a program without a history, the key service's: the same style, and no script.
//
// Promises:
//
//   - It waits for nothing: what comes from the store is read behind its back (TestTheReportDoesNotWaitForBuckets).
//   - What it says first is what is wrong, in a sentence (TestTheHeadline).
//   - Refusals without end push no failure out (TestTheLastFailuresAreKept).
//   - The page needs nothing from elsewhere: style, script and uPlot, which draws its charts, are in it, and its
//     Content-Security-Policy allows no other (TestThePageAllowsItsOwnScriptOnly).
//   - Values that clients choose, such as names of buckets, reach it as JSON and are set as text, never as HTML. It
//     shows no secrets and no keys of objects (TestTheStatusPageInIncidents).
package status
