package tools

import (
	"context"
	"errors"
	"fmt"
)

// Finding is an object of which a tool has something to say.
type Finding struct {
	URI string `json:"uri"`
	// State is damaged, or unchecked: store or key service didn't let it be read. Migrate's are refused: a sealed bucket
	// can't hold it as it is; differs: another object has its place; and failed.
	State  string `json:"state"`
	Kind   string `json:"kind,omitempty"`
	Reason string `json:"reason"`
}

// VerifyReport is the end of Verify's report.
type VerifyReport struct {
	Checked   int64 `json:"checked"`
	Damaged   int64 `json:"damaged"`
	Unchecked int64 `json:"unchecked"`
	Gone      int64 `json:"gone"` // deleted meanwhile
	// What no listing shows, and what other things were not looked at.
	Uploads []OpenUpload `json:"uploads,omitempty"`
	Notes   []string     `json:"notes,omitempty"`
}

// ErrFound means that objects are damaged or could not be checked.
var ErrFound = errors.New("not all objects are whole")

// Verify reads all objects below the target and checks each stored byte: envelope, length, every segment's tag,
// padding, trailer. It writes a line an object that isn't whole, and returns ErrFound when there is one. An object that
// is replaced or deleted meanwhile is no finding; one that is listed and isn't there, or whose name can't be found out,
// is one.
func (in *Installation) Verify(ctx context.Context, t Target, o WalkOptions) (*VerifyReport, error) {
	p, err := in.place(ctx, t.Bucket)
	if err != nil {
		return nil, err
	}
	w, err := newWalk("verify s3://"+t.Bucket+"/"+t.Key, o)
	if err != nil {
		return nil, err
	}
	before := w.now.Failed // by the walk that this one resumes
	var v VerifyReport
	say := func(f Finding) error {
		if err := w.print(f.URI+": "+f.Reason, f); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if f.State == "damaged" {
			v.Damaged++
		} else {
			v.Unchecked++
		}
		return nil
	}
	objects := in.list(p.record.StoreName)
	err = w.run(ctx, objects, t.Key, func(ctx context.Context, e entry) (bool, error) {
		err := objects.whileListed(ctx, e.key, func() error { return p.check(ctx, e.key) })
		switch {
		case errors.Is(err, errGone):
			w.mu.Lock()
			v.Gone++
			w.mu.Unlock()
			return false, nil
		case err == nil:
			return false, nil
		case ctx.Err() != nil:
			return false, ctx.Err()
		}
		return true, say(finding(Target{t.Bucket, e.key}, err))
	}, func(shown string) error { return say(finding(Target{t.Bucket, shown}, errUnknown)) })
	v.Checked = w.now.Done
	if err == nil {
		v.Uploads, v.Notes, err = p.unseen(ctx, t.Key)
	}
	if err == nil && before+v.Damaged+v.Unchecked > 0 {
		err = ErrFound
	}
	return &v, err
}

func finding(t Target, err error) Finding {
	var d *Damage
	if errors.As(err, &d) {
		return Finding{t.URI(), "damaged", d.Kind, d.Reason}
	}
	return Finding{URI: t.URI(), State: "unchecked", Reason: "could not be checked: " + err.Error()}
}
