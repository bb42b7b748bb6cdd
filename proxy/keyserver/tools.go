package keyserver

import (
	"context"
	"errors"
	"fmt"

	"sealfront/crypto/keyservice"
	"sealfront/proxy/config"
	"sealfront/proxy/webidentity"
)

// OpenKeeper opens the records for looking after them, and the roots unless only sealed records are moved. end ends
// it.
func OpenKeeper(
	ctx context.Context, c *config.KeyService, withRoots bool,
) (_ *keyservice.Keeper, end func() error, err error) {
	var roots []namedRoot
	if withRoots {
		if roots, err = openRoots(ctx, c, nil); err != nil {
			return nil, nil, err
		}
	}
	records, err := openRecords(ctx, c, nil)
	if err != nil {
		return nil, nil, errors.Join(err, closeRoots(roots))
	}
	keeper := keyservice.NewKeeper(records.Records, plain(roots), c.Key.RootTimeout)
	return keeper, func() error {
		keeper.Close()
		records.close()
		return closeRoots(roots)
	}, nil
}

// Check tries everything that a start needs, without serving: its error has a fault a line.
func Check(ctx context.Context, c *config.KeyService) error {
	var faults config.Faults
	take := func(err error) error {
		var found config.Faults
		if errors.As(err, &found) {
			faults = append(faults, found...)
			return nil
		}
		return err
	}
	if c.Listen.HTTPS != "" {
		if _, err := serverTLS(&c.TLS); take(err) != nil {
			return err
		}
	}
	for i := range c.Issuers {
		issuers, err := webidentity.New([]webidentity.Options{c.Issuers[i].Options()}, nil, nil)
		if err != nil {
			faults = append(faults, config.Fault{Path: fmt.Sprintf("issuers[%d]", i), Why: err.Error()})
			continue
		}
		for _, state := range issuers.Fetch(ctx) {
			if state.Err != nil {
				faults = append(faults, config.Fault{
					Path: fmt.Sprintf("issuers[%d]", i), Passing: true,
					Why: fmt.Sprintf("its keys can't be fetched, and its tokens are refused until they can: %v", state.Err),
				})
			}
		}
	}
	roots, err := openRoots(ctx, c, nil)
	if err := take(err); err != nil {
		return err
	}
	for _, r := range roots {
		within, cancel := context.WithTimeout(ctx, c.Key.RootTimeout)
		if err := r.Well(within); err != nil {
			faults = append(faults, config.Fault{Path: "roots", Why: r.name + ": " + err.Error(), Passing: true})
		}
		cancel()
	}
	records, err := openRecords(ctx, c, nil)
	if err := take(err); err != nil {
		return errors.Join(err, closeRoots(roots))
	}
	if records != nil {
		records.close()
	}
	if err := closeRoots(roots); err != nil {
		return err
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}
