package drills_test

var tofu = &program{
	name: "OpenTofu's S3 backend", directory: works,
	settings: []settings{
		{"environment", "sh", sdkCredentials},
		{"backend.tf", "hcl", `
terraform {
  backend "s3" {
    bucket                      = "{{.Bucket}}"
    key                         = "env/state"
    region                      = "{{.Region}}"
    endpoints                   = { s3 = "{{.Endpoint}}" }
    custom_ca_bundle            = "{{.CA}}"
    use_path_style              = true
    use_lockfile                = true
    skip_credentials_validation = true
    skip_requesting_account_id  = true
    skip_region_validation      = true
    skip_metadata_api_check     = true
  }
}
`},
	},
	drill: &drill{
		needs:   []string{"tofu"},
		version: "TF_CLI_CONFIG_FILE=/dev/null tofu version | sed -n 's/OpenTofu v\\([0-9.]*\\).*/\\1/p'",
		write: tofuQuiet + `
echo "resource \"terraform_data\" \"a\" { input = \"$MARKER\" }" > main.tf
tofu init -input=false -no-color
tofu apply -auto-approve -input=false -no-color
tofu state pull > before
`,
		destroy: "rm -rf .terraform* terraform.tfstate*",
		restore: tofuQuiet + `
tofu init -input=false -no-color
tofu plan -detailed-exitcode -input=false -no-color
tofu state pull > after
tofu apply -auto-approve -input=false -no-color
`,
		compare: `diff before after; grep -q "$MARKER" after`,
		clear:   1,
	},
}

const tofuQuiet = "export TF_CLI_CONFIG_FILE=/dev/null CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1\n"

var registry = &program{
	name: "Docker Registry", directory: sendsACL,
	settings: []settings{
		{"environment", "sh", "export SSL_CERT_FILE={{.CA}}\n"},
		{"config.yml", "yaml", `
version: 0.1
storage:
  s3:
    regionendpoint: {{.Endpoint}}
    region: {{.Region}}
    bucket: {{.Bucket}}
    rootdirectory: /registry
    accesskey: {{.AccessKey}}
    secretkey: {{.Secret}}
    forcepathstyle: true
  redirect: {disable: true}
http: {addr: "127.0.0.1:5000"}
`},
	},
	drill: &drill{
		needs:   []string{"registry", "crane", "/usr/bin/skopeo"},
		version: goModule("registry") + `; crane version | sed "s/^v/crane /"; skopeo --version | sed "s/ version//"`,
		write: serveRegistry + `
tar cf layer.tar tree
crane append --insecure -f layer.tar -t $FREE/drill/tree:1
crane digest --insecure $FREE/drill/tree:1 > before
skopeo copy -q --src-tls-verify=false --dest-tls-verify=false docker://$FREE/drill/tree:1 docker://$FREE/drill/copy:1
`,
		destroy: "rm -rf tree layer.tar",
		restore: serveRegistry + `
crane digest --insecure $FREE/drill/tree:1 > after
crane export --insecure $FREE/drill/tree:1 - | tar x
skopeo copy -q --src-tls-verify=false docker://$FREE/drill/copy:1 dir:image
crane append --insecure -b $FREE/drill/tree:1 -f <(tar c sums) -t $FREE/drill/tree:2
`,
		compare: "diff before after; " + compareTree,
	},
}

const serveRegistry = `
REGISTRY_HTTP_ADDR=$FREE registry serve config.yml > registry.log 2>&1 &
until_true curl -fs http://$FREE/v2/
`

var gdal = &program{
	name: "GDAL", directory: works,
	settings: environment(`
export AWS_S3_ENDPOINT={{.Host}}:{{.Port}} AWS_HTTPS=YES AWS_VIRTUAL_HOSTING=FALSE
export CURL_CA_BUNDLE={{.CA}} CPL_VSIL_USE_TEMP_FILE_FOR_RANDOM_WRITE=YES
`),
	drill: &drill{
		needs: []string{"/usr/bin/gdal_translate"}, version: "gdalinfo --version | sed 's/GDAL \\([0-9.]*\\).*/\\1/'",
		write: `head -c 4194304 tree/large > raw
printf 'ENVI\nsamples = 2048\nlines = 2048\nbands = 1\ndata type = 1\ninterleave = bsq\n' > raw.hdr
gdal_translate -q -of GTiff raw /vsis3/$BUCKET/gdal/plain.tif
gdal_translate -q -of COG raw /vsis3/$BUCKET/gdal/cog.tif
gdalinfo -checksum raw | grep Checksum > before
`,
		destroy: "rm -rf raw raw.* tree",
		restore: `for name in plain cog; do
	gdal_translate -q -of GTiff /vsis3/$BUCKET/gdal/$name.tif $name.tif
	gdalinfo -checksum $name.tif | grep Checksum > after.$name
done
gdal_translate -q -srcwin 1024 1024 64 64 /vsis3/$BUCKET/gdal/cog.tif window.tif
gdal_translate -q -srcwin 1024 1024 64 64 cog.tif here.tif
`,
		compare: "cat before; diff before after.plain; diff before after.cog; cmp <(gdalinfo -checksum window.tif | grep " +
			"Checksum) <(gdalinfo -checksum here.tif | grep Checksum)",
	},
}

var samtools = &program{
	name: "samtools", directory: works,
	settings: environment(`
export HTS_S3_HOST={{.Host}}:{{.Port}} HTS_S3_ADDRESS_STYLE=path
`),
	drill: &drill{
		needs: []string{"/usr/bin/samtools", "unshare"}, readsCA: true,
		version: "samtools --version | sed -n '1s/samtools //p'",
		write: `{
	printf '@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:secret\tLN:1000000\n'
	for n in $(seq 20000); do printf 'read%d\t0\tsecret\t%d\t60\t20M\t*\t0\t0\tACGTACGTACGTACGTACGT\tIIIIIIIIIIIIIIIIIIII\tCO:Z:%s\n' $n $((n * 40)) $RANDOM$RANDOM; done
} > reads.sam
samtools view --no-PG -b -o s3://$BUCKET/reads/all.bam reads.sam
samtools view --no-PG -b reads.sam -o all.bam
samtools index all.bam
curl -fsS --cacert $CA --aws-sigv4 aws:amz:$AWS_REGION:s3 -u $AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY \
	-H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' -T all.bam.bai $ENDPOINT/$BUCKET/reads/all.bam.bai
samtools view reads.sam | sha256sum > before
samtools view -c all.bam secret:400000-400400 > before.region
`,
		destroy: "rm -f reads.sam all.bam*",
		restore: `samtools view s3://$BUCKET/reads/all.bam | sha256sum > after
samtools view -c s3://$BUCKET/reads/all.bam secret:400000-400400 > after.region
`,
		compare: "diff before after; diff before.region after.region; cat after.region",
	},
}

var curl = &program{
	name: "curl", directory: works,
	settings: []settings{
		{"environment", "sh", `
sealed() {
	curl -fsS --cacert {{.CA}} --aws-sigv4 aws:amz:{{.Region}}:s3 -u {{.AccessKey}}:{{.Secret}} \
		-H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$@"
}
URL={{.Endpoint}}/{{.Bucket}}
`},
	},
	drill: &drill{
		needs: []string{"curl"}, version: "curl --version | sed -n '1s/curl \\([0-9.]*\\).*/\\1/p'",
		write: `for name in large dir/text; do sealed -T tree/$name $URL/curl/$name; done
grep -e large -e dir/text sums > some
`,
		destroy: "rm -rf tree",
		restore: `mkdir -p tree/dir; for name in large dir/text; do sealed -o tree/$name $URL/curl/$name; done`,
		compare: "sha256sum -c some",
		clear:   4,
	},
}

var aptRepository = &program{
	name: "an apt repository", directory: works,
	settings: []settings{
		{"environment", "sh", "export RCLONE_CONFIG={{.Dir}}/rclone.conf RCLONE_CA_CERT={{.CA}}\n"},
		{"rclone.conf", "ini", rcloneRemote},
		{"conf/distributions", "text", `
Codename: stable
Architectures: amd64
Components: main
`},
		{"apt/sources.list", "text", "deb [trusted=yes] http://127.0.0.1:8080/ stable main\n"},
	},
	drill: &drill{
		needs:   []string{"/usr/bin/reprepro", "/usr/bin/apt-get", "rclone"},
		version: "dpkg-query -W -f '${Version}' reprepro | sed 's/-.*//'",
		write: `mkdir -p secret/DEBIAN secret/opt; mv tree secret/opt
printf 'Package: secret\nVersion: 1\nSection: misc\nPriority: optional\nArchitecture: amd64\nMaintainer: drill <drill@example.com>\nDescription: %s\n' "$MARKER" > secret/DEBIAN/control
dpkg-deb -Znone -b secret secret.deb
reprepro -b . includedeb stable secret.deb
rclone sync dists sealed:$BUCKET/apt/dists; rclone sync pool sealed:$BUCKET/apt/pool
`,
		destroy: "rm -rf secret secret.deb db dists pool apt/var",
		restore: `sed -i "s/127.0.0.1:8080/$FREE/" apt/sources.list
rclone serve http --read-only --addr $FREE sealed:$BUCKET/apt 2> serve.log &
until_true curl -fs http://$FREE/dists/stable/Release
mkdir -p apt/state/lists/partial apt/cache/archives/partial
apt() {
	apt-get -q -o Dir::Etc::sourcelist=$PWD/apt/sources.list -o Dir::Etc::sourceparts=- -o Dir::State=$PWD/apt/state \
		-o Dir::State::status=/dev/null -o Dir::Cache=$PWD/apt/cache -o APT::Sandbox::User= -o APT::Architecture=amd64 "$@"
}
apt update
apt download secret
dpkg-deb -x secret_1_amd64.deb out; mv out/opt/tree .
`,
		compare: compareTree,
		clear:   8,
	},
}

var sdks = &program{
	name: "the AWS CLI and SDKs", directory: works,
	settings: []settings{{"environment", "sh", sdkCredentials + `export AWS_ENDPOINT_URL={{.Endpoint}}
export AWS_CA_BUNDLE={{.CA}}         # AWS CLI, Python; Go's SDK reads it, too
export NODE_EXTRA_CA_CERTS={{.CA}}   # JavaScript
export SSL_CERT_FILE={{.CA}}         # other programs in Go
`}},
	heldBy: "TestClientsOnStores",
}
