// Package crypto seals and opens object bodies, a segment at a time and in place.
//
//	plaintext ─► slab: ≤ 65,536 | tag 16 ─► segment 0 ‖ … ‖ segment n ‖ padding ‖ trailer ‖ tail
package crypto
