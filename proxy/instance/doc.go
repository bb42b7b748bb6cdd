// Package instance is a proxy assembled from a configuration, and taken apart again: the one place that knows every
// room.
//
//	config ─▶ Open ─▶ data directory ─▶ key service ─▶ store ─▶ probe ─▶ keyring ─▶ state ─▶ gateway ─▶ sweeps
//	          Close ◀── in the opposite order
//
// A [Need] says how much of it the caller needs: serving, or a tool that works beside running servers. [Options] are
// what no configuration changes, for tests. A [Reloader] puts a changed configuration into force while requests go on.
//
// Stand-ins are spoken to over the wire: the embedded store and key service listen on loopback ports with random
// credentials.
package instance
