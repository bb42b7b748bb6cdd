// Package instance opens a proxy from a configuration, and closes it: the one package that imports every room.
//
//	config ─▶ Open ─▶ data directory ─▶ key service ─▶ store ─▶ probe ─▶ keyring ─▶ state ─▶ gateway ─▶ sweeps
//	          Close ◀── in the opposite order
//
// A [Need] says how much of it the caller needs: serving, or a tool that works while servers run. [Options] are what no
// configuration changes, for tests. A [Reloader] applies a changed configuration while requests are served.
//
// Stand-ins are spoken to over the wire: the embedded store and key service listen on loopback ports with random
// credentials.
package instance
