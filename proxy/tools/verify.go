package tools

import (
	"context"
	"errors"
	"fmt"
)

// A Finding is an object that a tool reports.
type Finding struct {
	URI string `json:"uri"`
	// State is damaged, or unchecked: store or key service failed while it was read. Migrate's are refused: a sealed
	// bucket can't hold it unchanged; differs: a different object has its key; and failed.
	State  string `json:"state"`
	Kind   string `json:"kind,omitempty"`
	Reason string `json:"reason"`
}

// VerifyReport is the end of Verify's report.
type VerifyReport struct {
	Shard     string `json:"shard,omitempty"` // I/N, of whose keys alone the report is
	Checked   int64  `json:"checked"`
	Damaged   int64  `json:"damaged"`
	Unchecked int64  `json:"unchecked"`
	Gone      int64  `json:"gone"` // deleted meanwhile
	// What no listing shows, and what else was not checked.
	Uploads []OpenUpload `json:"uploads,omitempty"`
	Notes   []string     `json:"notes,omitempty"`
}

// ErrFound means that objects are damaged or could not be checked.
var ErrFound = errors.New("not all objects are whole")

// Verify reads all objects below the target and checks each stored byte: envelope, length, every segment's tag,
// padding, trailer. It writes a line for each damaged object, and returns ErrFound when there is one. An object that is
// replaced or deleted meanwhile is no finding; one that is listed and doesn't exist, or whose name can't be decoded, is
// one: the latter of each shard, since its own name isn't known.
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
	v := VerifyReport{Shard: o.Shard.String()}
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
		v.Notes = append(o.Shard.notes(), v.Notes...)
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
