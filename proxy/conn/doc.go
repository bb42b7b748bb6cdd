// Package conn has the connections of clients: it accepts them, bounds how long they may be idle or slow, reads ahead,
// gathers writes, parks those that wait for their next request, and drains them at the end. It leaves HTTP to
// fasthttp's server, and doesn't interpret requests.
//
//	accept ─▶ head (a deadline for all of it) ─▶ request (a deadline for progress) ─▶ idle ─▶ parked ─▶ head …
//
// Promises, each with the test that fails when it is broken:
//   - A head has a deadline of its own, however steadily it trickles in (TestHeadHasADeadlineOfItsOwn).
//   - An answer arrives although its client is still sending (TestGentleCloseDeliversTheAnswer).
//   - A parked connection holds no memory of a request, and loses none of the next one
//     (TestParkedConnectionsServeTheirNextRequest, TestAParkedConnectionKeepsHalfARecord).
//   - Memory that many connections held is given back to the system once they have been parked or have ended
//     (TestAReliefComesAfterAStorm, TestAReliefCountsWhatConnectionsHold).
//   - A request that has begun when the server drains is answered, as the last one of its connection (TestDrain,
//     TestDrainUnderLoad).
package conn
