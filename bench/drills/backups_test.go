package drills_test

// compareTree compares a tree that was restored with the sums of the one that was written.
const compareTree = "sha256sum --quiet -c sums; test $(find tree -type f | wc -l) = $(wc -l < sums)"

var restic = &program{
	name: "restic", directory: "Content-MD5",
	settings: environment(`
export RESTIC_REPOSITORY=s3:{{.Endpoint}}/{{.Bucket}}/restic SSL_CERT_FILE={{.CA}}
export RESTIC_PASSWORD=of-the-repository
`),
	drill: &drill{
		needs:   []string{"restic"},
		version: "restic version | cut -d' ' -f2",
		write: `restic init
restic backup tree
echo later > tree/later; sha256sum tree/later >> sums
restic backup tree
`,
		destroy: "rm -rf tree .cache",
		restore: `restic restore latest --target .
restic backup tree
restic check --read-data
`,
		compare: compareTree,
	},
}
