package objects_test

import (
	"testing"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
)

// An envelope that names a KMS key which its bucket doesn't allow is never opened: KMS isn't called, whoever asks.
func TestAForeignKeyIsNeverCalled(t *testing.T) {
	i := install(t, nil)
	i.put(t, "key", small)
	i.alter(t, "key", func(b []byte, e *crypto.Envelope) []byte { e.KeyARN = foreignKey; return b })
	i.kms.called()
	x := i.object(t, "key")
	never := func(string) error {
		t.Error("somebody was asked for a key that nobody may use")
		return nil
	}
	from, err := x.HeadWithTail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func() error{
		"by its source":  func() error { _, err := from.Open(t.Context(), false, never); return err },
		"by its head":    func() error { _, err := x.Open(t.Context(), from.Sealed, never); return err },
		"past the cache": func() error { _, err := x.Unwrap(t.Context(), from.Envelope, true, never); return err },
		"for a rename": func() error {
			return rename(t.Context(), i.in(t, things, policy.RenameObject, "new"), "key",
				nil)
		},
		"for another key": func() error {
			_, err := from.Reencrypt(t.Context(), x, sseKMS, nil, never, from.Modified)
			return err
		},
	} {
		wantCode(t, name, open(), "InternalError")
		if got := i.damages(); got != "key" {
			t.Errorf("%s: counted %q", name, got)
		}
	}
	if calls := i.kms.called(); len(calls) > 0 {
		t.Errorf("KMS was called: %v", calls)
	}
}

// Who may not use an object's key is refused before KMS is called; under the service key nobody is asked.
func TestWhoMayNotUseAKeyDoesNotReachKMS(t *testing.T) {
	i := install(t, nil)
	i.put(t, "key", small)
	i.keys.DropAll()
	i.kms.called()
	x := i.object(t, "key")
	refused := s3.AccessDenied()
	var asked []string
	nobody := func(arn string) error { asked = append(asked, arn); return refused }
	from, err := x.HeadWithTail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	u, _, err := storeParts(t.Context(), x, sseKMS, nil, crypto.FullObject, nil)
	if err != nil {
		t.Fatal(err)
	}
	i.keys.DropAll()
	i.kms.called()
	_, opened := from.Open(t.Context(), false, nobody)
	_, unwrapped := x.Unwrap(t.Context(), from.Envelope, false, nobody)
	_, opens := x.Open(t.Context(), from.Sealed, nobody)
	_, reencrypted := from.Reencrypt(t.Context(), x, sseS3, nil, nobody, from.Modified)
	_, part := x.Unwrap(t.Context(), u.Envelope, false, nobody)
	for _, err := range []error{opened, unwrapped, opens, reencrypted, part} {
		wantCode(t, "opened", err, "AccessDenied")
	}
	if calls := i.kms.called(); len(calls) > 0 || len(asked) != 5 || asked[0] != customKey {
		t.Errorf("KMS was called: %v; asked for %v", calls, asked)
	}
	if _, err := putTo(t.Context(), x, sseS3, &body{data: small}, objects.Conditions{}); err != nil {
		t.Fatal(err)
	}
	if from, err = x.HeadWithTail(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := from.Open(t.Context(), true, nobody); err != nil || len(asked) != 5 {
		t.Errorf("under the service key: %v, asked for %v", err, asked)
	}
}

// A fresh opening calls KMS past the cache, for a client's key; the service key's is the proxy's own affair.
func TestAFreshOpeningCallsKMS(t *testing.T) {
	i := install(t, nil)
	x := i.object(t, "key")
	for _, c := range []struct {
		e     policy.Encryption
		fresh bool
		calls int
	}{{sseKMS, false, 0}, {sseKMS, true, 1}, {sseS3, false, 0}, {sseS3, true, 0}} {
		if _, err := putTo(t.Context(), x, c.e, &body{data: small}, objects.Conditions{}); err != nil {
			t.Fatal(err)
		}
		from, err := x.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		i.kms.called()
		secrets, err := x.Unwrap(t.Context(), from.Envelope, c.fresh, anyone)
		if err != nil {
			t.Fatal(err)
		}
		secrets.Wipe()
		if calls := i.kms.called(); len(calls) != c.calls {
			t.Errorf("%s, fresh %v: %v", c.e.SSE, c.fresh, calls)
		}
	}
}
