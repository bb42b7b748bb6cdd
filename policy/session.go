package policy

// DecideSession decides whether the session s may be used for the request, rows SE-4, SE-8, SE-12, REG-1
// and REG-2, and returns the session as it counts now: a provisional one has become a ReadWrite session
// with the default of the bucket its principal has made. b is nil when there is no such bucket; s is
// nil for long-term keys, and the session returned is then the zero value. CreateSession on a bucket
// that doesn't exist goes to DecideProvisional instead.
func DecideSession(op Operation, r *Request, b *Bucket, s *Session) (Session, *Refusal) {
	if s == nil {
		if b == nil && op != CreateBucket && r.Bucket != "" {
			return Session{}, noSuchBucket("1.1", r.Bucket)
		}
		return Session{}, nil
	}
	switch {
	case op == CreateSession:
		return Session{}, invalidRequest("3.1", "The request should not include the x-amz-s3session-token header.")
	case s.Bucket != r.Bucket, KindOf(r.Bucket) != Directory:
		return Session{}, accessDenied("SE-4")
	case op.LongTermOnly():
		return Session{}, accessDenied("U-17")
	}
	now := *s
	if s.Provisional {
		switch {
		case b == nil && op == CreateBucket:
			return now, nil
		case b == nil, b.Creator != s.Principal:
			return Session{}, noSuchBucket("REG-2", r.Bucket)
		}
		now.Mode, now.Provisional = ReadWrite, false
		now.Encryption = b.Default
		now.Encryption.BucketKey = b.Default.SSE == SSEKMS
	}
	switch {
	case b == nil && op != CreateBucket:
		return Session{}, noSuchBucket("SE-12", r.Bucket)
	case op.Regional() && op.Writes() && now.Mode != ReadWrite:
		return Session{}, accessDenied("REG-1")
	case op.Zonal() && !op.AllowedReadOnly() && now.Mode != ReadWrite:
		return Session{}, accessDenied("SE-8")
	}
	return now, nil
}

// DecideProvisional decides rows REG-2 and REG-3: CreateSession on a bucket that doesn't exist yet, which
// SDKs send before CreateBucket when their endpoint is a custom one. mayCreate reports whether the
// principal has s3express:CreateBucket for that name. The session has no encryption settings.
func DecideProvisional(r *Request, principal string, mayCreate bool) (Session, *Refusal) {
	if KindOf(r.Bucket) != Directory || !mayCreate {
		return Session{}, noSuchBucket("REG-3", r.Bucket)
	}
	return Session{Bucket: r.Bucket, Principal: principal, Mode: ReadWrite, Provisional: true}, nil
}

// SessionMode decides the mode of a new session: the requested one, or the highest that allowed grants,
// first ReadWrite, then ReadOnly (section 3.1). It refuses with SE-9 when none is granted.
func SessionMode(r *Request, allowed func(Mode) bool) (Mode, *Refusal) {
	asked := r.inspect().header(hSessionMode)
	if asked != "ReadOnly" && allowed(ReadWrite) {
		return ReadWrite, nil
	}
	if asked != "ReadWrite" && allowed(ReadOnly) {
		return ReadOnly, nil
	}
	return 0, accessDenied("SE-9")
}
