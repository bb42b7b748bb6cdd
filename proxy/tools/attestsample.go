package tools

import (
	"context"

	"sealfront/proxy/attestation"
	"sealfront/proxy/objects"
)

// A drawnSample are the entries of a sample, in the order of the draw.
type drawnSample []attestation.Drawn

// countable implements pager.
func (drawnSample) countable() bool { return false }

// page implements pager: all of them.
func (d drawnSample) page(context.Context, string, string, int) (*page, error) {
	p := new(page)
	for i := range d {
		p.entries = append(p.entries, entry{key: d[i].Key, etag: d[i].ETag, size: d[i].Stored, version: d[i].Version})
	}
	return p, nil
}

// readSample draws the sample of all that is in the list, and reads it.
func (a *attest) readSample(ctx context.Context) error {
	file, err := a.list.read()
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	_, _, tally, _, err := attestation.ReadList(file)
	if err != nil {
		return err
	}
	drawn := tally.Drawn()
	before := make(map[[2]string]*attestation.Row, len(drawn))
	for i := range drawn {
		before[[2]string{drawn[i].Key, drawn[i].Version}] = &drawn[i].Row
	}
	return a.pass(ctx, "sample", drawnSample(drawn), func(ctx context.Context, w *walk, e entry) (bool, error) {
		row, err := a.readTwice(ctx, e, before[[2]string{e.key, e.version}])
		return a.keep(w, row, err)
	})
}

// readTwice reads an object of the sample whole, tries to open it without KMS, and reads it once more: its bytes must
// be the same as long as its ETag is.
func (a *attest) readTwice(ctx context.Context, e entry, before *attestation.Row) (*attestation.Row, error) {
	row, err := a.look(ctx, e, attestation.OfSample, true)
	if err != nil || row.Gone || row.SHA256 == "" {
		return row, err
	}
	findings := row.Findings
	row.Findings = nil
	for _, f := range findings { // what the list says already isn't said again
		if !hasFinding(before.Findings, f.Kind) {
			row.Findings = append(row.Findings, f)
		}
	}
	if row.Sealed != nil && a.in.WithoutKMS != nil {
		if err := a.tryWithoutKMS(ctx, row); err != nil {
			return nil, err
		}
	}
	again, err := a.look(ctx, e, attestation.OfSample, true)
	if err != nil {
		return nil, err
	}
	if again.Gone || again.SHA256 == "" {
		return row, nil
	}
	for _, f := range again.Findings { // it may have been replaced in between
		if !hasFinding(before.Findings, f.Kind) && !hasFinding(row.Findings, f.Kind) {
			row.Findings = append(row.Findings, f)
		}
	}
	differs := again.ETag == row.ETag && again.SHA256 != row.SHA256 ||
		before.SHA256 != "" && before.ETag == row.ETag && before.SHA256 != row.SHA256
	if differs && !hasFinding(row.Findings, attestation.Unstable) {
		a.found(row, attestation.Unstable, "it was read twice under one ETag, %s, and its bytes were not the same", row.ETag)
	}
	return row, nil
}

func hasFinding(findings []attestation.Finding, kind string) bool {
	for i := range findings {
		if findings[i].Kind == kind {
			return true
		}
	}
	return false
}

// tryWithoutKMS tries to open an object's envelope with a key service that refuses every call.
func (a *attest) tryWithoutKMS(ctx context.Context, row *attestation.Row) error {
	x := *a.at(row)
	x.Objects, x.Prepared = a.in.WithoutKMS, new(objects.PreparedRef)
	answer, sealed, err := x.HeadIf(ctx, objects.Unconditional)
	if err != nil {
		return nil // it is gone by now, or damaged, which is a finding already
	}
	answer.Close()
	row.Without = attestation.FailedOpen
	secrets, err := x.Unwrap(ctx, sealed.Envelope, false, operator)
	if err != nil {
		return nil
	}
	secrets.Wipe()
	row.Without = attestation.DidOpen
	a.found(row, attestation.OpensWithoutKMS, "its envelope was opened although KMS refused every call")
	return nil
}
