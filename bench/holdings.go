package main

import "context"

var holdKinds = []holdKind{
	{what: "PUT, half sent", hold: holdUploads(modeUnsigned)},
	{what: "PUT with a trailing CRC32, half sent", hold: holdUploads(modeTrailer)},
	{what: "GET, half read", hold: holdDownloads},
	{what: "PUT at full speed", hold: rush((*worker).put)},
	{what: "GET at full speed", hold: rush(func(w *worker, ctx context.Context) error {
		_, err := w.get(ctx, 0, w.content.size, "")
		return err
	})},
	{what: "TLS connection with small requests", form: busy, hold: holdStorm},
	{what: "idle TLS connection", form: idling, hold: holdIdle},
}
