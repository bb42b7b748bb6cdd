package drills_test

// compareTree compares a tree that was restored with the sums of the one that was written.
const compareTree = "sha256sum --quiet -c sums; test $(find tree -type f | wc -l) = $(wc -l < sums)"

var restic = &program{
	name: "restic", directory: sendsMD5,
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

var duplicity = &program{
	name: "duplicity", directory: sendsMD5,
	settings: []settings{
		{"environment", "sh", sdkCredentials + `export AWS_CA_BUNDLE={{.CA}} AWS_CONFIG_FILE={{.Dir}}/aws-config
REPOSITORY="--no-encryption --s3-endpoint-url {{.Endpoint}} boto3+s3://{{.Bucket}}/duplicity"
`},
		{"aws-config", "ini", pathStyle},
	},
	drill: &drill{
		needs: []string{"/usr/bin/duplicity"}, version: "duplicity --version | cut -d' ' -f2",
		write: `duplicity full tree $REPOSITORY
echo later > tree/later; sha256sum tree/later >> sums
duplicity incremental tree $REPOSITORY
`,
		destroy: "rm -rf tree .cache",
		restore: "duplicity restore ${REPOSITORY% *} ${REPOSITORY##* } tree",
		compare: compareTree,
	},
}

var rclone = &program{
	name: "rclone", directory: works,
	settings: []settings{
		{"environment", "sh", "export RCLONE_CONFIG={{.Dir}}/rclone.conf RCLONE_CA_CERT={{.CA}}\n"},
		{"rclone.conf", "ini", rcloneRemote},
	},
	drill: &drill{
		needs: []string{"rclone"}, version: "rclone version | sed -n 's/rclone v\\([0-9.]*\\).*/\\1/p'",
		write:   "rclone sync tree sealed:$BUCKET/tree",
		destroy: "rm -rf tree",
		restore: "rclone sync sealed:$BUCKET/tree tree",
		compare: compareTree,
		clear:   8,
	},
}

const rcloneRemote = `
[sealed]
type = s3
provider = {{if .Directory}}AWS
directory_bucket = true{{else}}Other{{end}}
endpoint = {{.Endpoint}}
region = {{.Region}}
access_key_id = {{.AccessKey}}
secret_access_key = {{.Secret}}
force_path_style = true
no_check_bucket = true
`

var gitAnnex = &program{
	name: "git-annex", directory: works,
	settings: []settings{
		{"environment", "sh", `
export RCLONE_CONFIG={{.Dir}}/rclone.conf RCLONE_CA_CERT={{.CA}} PATH={{.Dir}}/bin:$PATH
mkdir -p {{.Dir}}/bin; ln -sf "$(type -P rclone)" {{.Dir}}/bin/git-annex-remote-rclone-builtin
REMOTE="type=external externaltype=rclone-builtin encryption=none rcloneremotename=sealed
	rcloneprefix={{.Bucket}}/annex rclonelayout=nodir"
`},
		{"rclone.conf", "ini", rcloneRemote},
	},
	drill: &drill{
		needs: []string{"git-annex", "git", "rclone"}, version: "git annex version --raw | sed 's/-.*//'",
		write: gitIdentity + `
git init -q --bare origin.git; git init -q work; cd work; git remote add origin ../origin.git
git annex init -q desk; cp -r ../tree .; git annex add -q .; git commit -q -m tree
git annex initremote sealed $REMOTE; git annex copy -q --to sealed
git push -q origin HEAD:main git-annex
`,
		destroy: "chmod -R u+w work; rm -rf work tree",
		restore: gitIdentity + `
git clone -q -b main origin.git work; cd work
git annex init -q another; git annex enableremote sealed; git annex get -q .; cp -rL tree ..
`,
		compare: compareTree,
		clear:   8,
	},
}

const gitIdentity = "git config --global user.name drill; git config --global user.email drill@example.com\n"

var s3backer = &program{
	name: "s3backer", directory: sendsACL,
	settings: []settings{
		{"environment", "sh", `
s3backer() {
	command s3backer --accessId={{.AccessKey}} --accessKey={{.Secret}} --baseURL=https://{{.Domain}}/ \
		--cacert={{.CA}} --region={{.Region}} --authVersion=aws4 --prefix=disk/ --size=64m --blockSize=256k \
		--md5CacheSize=0 --md5CacheTime=0 --minWriteDelay=0 "$@"
}
`},
	},
	drill: &drill{
		needs:   []string{"s3backer", "/dev/fuse"},
		version: "command s3backer --version 2>&1 | sed -n 's/.*version \\([0-9.]*\\).*/\\1/p'",
		write: mountS3backer + `
tar cf disk.tar tree
dd if=disk.tar of=mnt/file bs=256k conv=notrunc status=none
unmount
`,
		destroy: "rm -rf tree disk.tar",
		restore: mountS3backer + `
tar xf mnt/file
unmount
`,
		compare: compareTree,
		clear:   6, // a marker may lie in two blocks
	},
}

const mountS3backer = `mkdir -p mnt
s3backer -f $BUCKET mnt > s3backer.log 2>&1 & server=$!
until_true mountpoint -q mnt || { cat s3backer.log; exit 1; }
unmount() { fusermount -u mnt; wait $server; }
`
