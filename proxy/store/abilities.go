package store

import (
	"cmp"
	"math"
	"strings"
)

// Abilities is what the probe found out about a store. The zero value is the most careful one.
type Abilities struct {
	ConditionalPut      bool  // If-None-Match: * and If-Match on PutObject hold
	ConditionalDelete   bool  // If-Match on DeleteObject holds
	DeleteIfAny         bool  // If-Match: * on DeleteObject holds
	ConditionalCopy     bool  // If-None-Match: * and If-Match on CopyObject's destination hold
	ConditionalComplete bool  // If-None-Match: * and If-Match on CompleteMultipartUpload hold
	AtomicSelfCopy      bool  // an object copied onto itself with new metadata is never seen, or left, without any
	CopyKeepsETag       bool  // an object copied onto itself keeps its ETag, also one that was uploaded in parts
	ETagOfBytes         bool  // the same bytes have the same ETag, put at once or in parts
	CutOffRefused       bool  // a body that ends early leaves no object
	MetadataRoom        bool  // 2,000 bytes of user metadata come back as they were
	SomeMetadata        bool  // 1,200 do; another proxy in front of the store may need the rest
	TagRoom             int   // bytes of names and values of tags and user metadata that an object may have together
	AnyExpires          bool  // Expires comes back when it is no date
	NotModified         bool  // 304 has the headers that 200 would have had
	Delimiters          bool  // listings are rolled up by any delimiter, page by page and to an end
	KeyBesideChild      bool  // "u" and "u/p" can both be objects
	ChildListed         bool  // and then both are listed
	PartGaps            bool  // an upload may be completed of part 10,000 alone, so numbers may have gaps
	Names               Names // which names are held
}

// AllAbilities is what a store has where nothing is missing. ETagOfBytes is not among them: whoever has CopyKeepsETag
// does without it.
func AllAbilities() Abilities {
	return Abilities{
		ConditionalPut: true, ConditionalDelete: true, DeleteIfAny: true, ConditionalCopy: true,
		ConditionalComplete: true,
		AtomicSelfCopy:      true, CopyKeepsETag: true, CutOffRefused: true, MetadataRoom: true, SomeMetadata: true,
		TagRoom: math.MaxInt, AnyExpires: true, NotModified: true, Delimiters: true,
		KeyBesideChild: true, ChildListed: true, PartGaps: true, Names: AllNames(),
	}
}

// String says what is missing, and which keys the store can't hold.
func (a Abilities) String() string {
	missing := absent([]ability{
		{a.ConditionalPut, "conditional PUT"},
		{a.ConditionalDelete, "conditional DELETE"},
		{a.DeleteIfAny, "DELETE If-Match: *"},
		{a.ConditionalCopy, "conditional copy"},
		{a.ConditionalComplete, "conditional Complete"},
		{a.AtomicSelfCopy, "atomic copy of an object onto itself"},
		{a.CopyKeepsETag, "copies that keep the ETag"},
		{a.CutOffRefused, "refusal of cut-off bodies"},
		{a.MetadataRoom, "2,000 bytes of user metadata"},
		{a.SomeMetadata, "1,200 bytes of user metadata"},
		{a.TagRoom == math.MaxInt, "room for ten tags of full size"},
		{a.AnyExpires, "Expires values that are no date"},
		{a.NotModified, "validators in 304 answers"},
		{a.Delimiters, "delimiters other than a slash"},
		{a.ChildListed || !a.KeyBesideChild, "listings of a key's children"},
		{a.PartGaps, "gaps in part numbers"},
	})
	keys := append(absent([]ability{{a.KeyBesideChild, "both `a` and `a/b`"}}), a.Names.refused()...)
	var parts []string
	if len(missing) > 0 {
		parts = append(parts, "missing: "+strings.Join(missing, ", "))
	}
	if len(keys) > 0 {
		parts = append(parts, "cannot store "+strings.Join(keys, ", "))
	}
	return cmp.Or(strings.Join(parts, "; "), "nothing is missing")
}
