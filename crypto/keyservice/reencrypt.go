package keyservice

type reEncryptInput struct {
	CiphertextBlob                 []byte
	SourceKeyId                    string // may be left out: the blob names its key
	SourceEncryptionContext        map[string]string
	SourceEncryptionAlgorithm      string
	DestinationKeyId               string
	DestinationEncryptionContext   map[string]string
	DestinationEncryptionAlgorithm string
	DryRun                         bool
}

type reEncryptOutput struct {
	CiphertextBlob                 []byte
	KeyId, SourceKeyId             string
	SourceEncryptionAlgorithm      string
	DestinationEncryptionAlgorithm string
}

// The permissions that ReEncrypt needs, on its source and on its destination.
const (
	reEncryptFrom = "ReEncryptFrom"
	reEncryptTo   = "ReEncryptTo"
)

// reEncrypt seals what a blob holds under another key, or under another encryption context, without showing it to the
// caller. What is about the audit log is the destination.
func (c *call) reEncrypt(in *reEncryptInput) (*reEncryptOutput, error) {
	from := conditions{
		EncryptionContext: in.SourceEncryptionContext, EncryptionAlgorithm: in.SourceEncryptionAlgorithm,
	}
	to := conditions{
		EncryptionContext: in.DestinationEncryptionContext, EncryptionAlgorithm: in.DestinationEncryptionAlgorithm,
		DryRun: in.DryRun,
	}
	source, plaintext, err := c.openBlob(reEncryptFrom, in.SourceKeyId, in.CiphertextBlob, &from)
	if err != nil {
		return nil, err
	}
	defer clear(plaintext)
	destination, err := c.use(in.DestinationKeyId, reEncryptTo, &to)
	if err != nil {
		return nil, err
	}
	blob, err := destination.seal(plaintext, to.EncryptionContext)
	if err != nil {
		return nil, err
	}
	c.used(source, "ReEncrypt")
	if destination.ID != source.ID {
		c.used(destination, "ReEncrypt")
	}
	return &reEncryptOutput{
		CiphertextBlob: blob, KeyId: destination.ARN, SourceKeyId: source.ARN,
		SourceEncryptionAlgorithm: specSymmetric, DestinationEncryptionAlgorithm: specSymmetric,
	}, nil
}
