package command

import (
	"context"
	"fmt"
	"time"

	"sealfront/proxy/instance"
	"sealfront/proxy/state"
	"sealfront/proxy/tools"
)

// A shredding is a KMS key that is being ended.
type shredding struct {
	options *shredOptions
	receipt *tools.Receipt
	state   *state.State
	roll    *state.Roll

	unread error // why not all records of replicas could be read
}

// findReplicas adds those that have a record and were not known yet, however long they have been silent, and returns
// them all by id.
func (s *shredding) findReplicas(ctx context.Context) error {
	_, err := s.look(ctx)
	return err
}

func (s *shredding) look(ctx context.Context) (map[string]state.Replica, error) {
	all, err := s.roll.Recorded(ctx)
	if err != nil && len(all) == 0 {
		return nil, err
	}
	s.unread = err
	byID := make(map[string]state.Replica, len(all))
	for _, r := range all {
		byID[r.ID] = r
	}
	known := make(map[string]bool, len(s.receipt.Replicas))
	for _, r := range s.receipt.Replicas {
		known[r.ID] = true
	}
	for _, r := range all {
		if !known[r.ID] {
			s.receipt.Replicas = append(s.receipt.Replicas, tools.ConfirmedReplica{
				ID: r.ID, Host: r.Host, Version: r.Version, Started: r.Started,
			})
		}
	}
	return byID, nil
}

// endKey has KMS disable the key, or schedule its deletion.
func (s *shredding) endKey(ctx context.Context, kms *instance.KMSClient, before string) error {
	end := &s.receipt.Key
	switch {
	case before == "PendingDeletion":
		end.Action = "deletion scheduled before"
	case s.options.days > 0:
		date, err := kms.ScheduleKeyDeletion(ctx, s.options.kmsKey, s.options.days)
		if err != nil {
			return err
		}
		end.Action, end.DeletionDate = "deletion scheduled", date.UTC().Format(time.RFC3339)
	default:
		if err := kms.DisableKey(ctx, s.options.kmsKey); err != nil {
			return err
		}
		end.Action = "disabled"
	}
	end.At = time.Now().UTC()
	_, now, _, _, _, err := kms.DescribeKey(ctx, s.options.kmsKey)
	if err != nil {
		s.unproven("KMS didn't say the key's state after it: %v", err)
		return nil
	}
	end.State = now
	if now == "Enabled" {
		s.unproven("KMS says that the key is still enabled")
	}
	return nil
}

func (s *shredding) unproven(format string, args ...any) {
	s.receipt.Unproven = append(s.receipt.Unproven, fmt.Sprintf(format, args...))
}

// lookEvery is how often the records of replicas are read while they are waited for.
const lookEvery = time.Second

// confirm revokes what replicas hold under the key, and waits until each has said that it acted on it.
func (s *shredding) confirm(ctx context.Context) error {
	if err := s.state.Revoke(ctx, s.options.kmsKey); err != nil {
		s.waitedInVain(nil, "the revocation could not be written")
		return fmt.Errorf("the key was ended, but the replicas were not told: %w", err)
	}
	s.receipt.Revocation.At = time.Now().UTC()
	deadline := time.Now().Add(s.options.wait)
	var seen map[string]state.Replica
	for {
		// Read each time: a later revocation of the same key stands for this one.
		id, err := s.state.Revocation(ctx, s.options.kmsKey)
		if err == nil && s.receipt.Revocation.ID == "" {
			s.receipt.Revocation.ID = id
		}
		var now map[string]state.Replica
		if err == nil {
			now, err = s.look(ctx)
		}
		if err == nil {
			seen = now
			if s.note(seen, id) {
				return nil
			}
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			s.waitedInVain(seen, fmt.Sprintf("it has not said so within %s", s.options.wait))
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(lookEvery):
		}
	}
}

// note notes who has confirmed, and reports whether all have.
func (s *shredding) note(seen map[string]state.Replica, id string) (all bool) {
	all = true
	for i := range s.receipt.Replicas {
		r := &s.receipt.Replicas[i]
		if !r.Confirmed {
			replica := seen[r.ID]
			if id != "" && (replica.Acted[s.options.kmsKey] == id || replica.Acted[state.AllKeys] == id) {
				r.Confirmed, r.At = true, time.Now().UTC().Format(time.RFC3339)
			}
		}
		all = all && r.Confirmed
	}
	return all
}

// waitedInVain says of each replica that has not confirmed what is known of it.
func (s *shredding) waitedInVain(seen map[string]state.Replica, why string) {
	for i := range s.receipt.Replicas {
		r := &s.receipt.Replicas[i]
		if r.Confirmed {
			continue
		}
		r.Why = why
		replica, ok := seen[r.ID]
		switch {
		case !ok && seen != nil:
			r.Why += "; it took its record back, as one does that ends"
		case replica.Silent >= state.ReplicaSilent:
			r.Why += fmt.Sprintf("; it has been silent for %s: it was killed, hangs or is cut off from the store",
				replica.Silent.Round(time.Second))
		}
	}
}

// aloneText is what no receipt can show of an installation whose data one machine keeps.
const aloneText = "this installation keeps no records of replicas (--data, store.kind embedded, or " +
	"store.single_writer), " +
	"so whether a program runs on its data and has dropped the key isn't shown: stop it, or POST /keys/drop at its " +
	"admin address"

// conclude writes what the receipt doesn't show.
func (s *shredding) conclude(failed error) {
	if failed != nil {
		s.unproven("%v", failed)
	}
	if s.unread != nil {
		s.unproven("not all records of replicas could be read, so there may be more replicas: %v", s.unread)
	}
	if len(s.receipt.Replicas) == 0 && !s.state.Alone() {
		s.unproven("no replica has a record: either none runs, or none has reached the store within an hour")
	}
	if s.state.Alone() {
		s.unproven("%s", aloneText)
	}
	for _, r := range s.receipt.Replicas {
		if !r.Confirmed {
			s.unproven("whether replica %s on %s has dropped the key: %s. It may serve requests by bucket keys in its memory "+
				"until kms.bucket_key.lifetime after it fetched them", r.ID, r.Host, r.Why)
		}
	}
	for _, d := range s.receipt.Dependents {
		if d.Unreadable > 0 {
			s.unproven("%d objects in %s have no envelope that could be read: they may depend on the key", d.Unreadable,
				d.Bucket)
		}
		if d.Uploads > 0 {
			s.unproven("%d uploads are in progress in %s: their parts aren't in the count", d.Uploads, d.Bucket)
		}
	}
	s.receipt.Unproven = append(s.receipt.Unproven,
		"objects that were written, replaced or deleted while they were counted, and older versions and copies that the "+
			"store, its backups or its replicas hold, aren't in the count; without the key they don't open either",
		"requests that were being answered when a replica dropped the key may have been answered to their end",
		"replicas that have been silent for more than an hour have no record, and programs that were changed may keep keys",
		"what clients have read before is theirs, and what KMS, its backups and its operators keep of the key isn't seen "+
			"from "+
			"here",
	)
}
