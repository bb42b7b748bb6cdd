package gateway

// readDocument reads a small body and checks it like an object's.
func (x *exchange) readDocument(limit int64) ([]byte, error) {
	if x.grant.Bytes("content-length") == nil && !x.grant.Auth.Payload.Chunked() {
		return nil, nil
	}
	body, err := x.newDocument(limit)
	if err != nil {
		return nil, err
	}
	body.Start()
	document := make([]byte, body.length)
	if err := body.Fill(document); err != nil {
		return nil, err
	}
	_, err = body.Finish()
	return document, err
}
