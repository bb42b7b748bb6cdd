package drills_test

const postgresBin = "/usr/lib/postgresql/15/bin"

// startPostgres starts the server of the folder data; stopPostgres ends it.
const (
	startPostgres = "PATH=" + postgresBin + `:$PATH; export PGHOST=$PWD PGPORT=54329 PGUSER=$(id -un)
start() { pg_ctl -D data -l pg.log -w -t 120 start > started || { cat started pg.log; return 1; }; }
promoted() { test "$(psql -qAt bench -c 'select pg_is_in_recovery()')" = f; }
stop() { pg_ctl -D data -m fast -w stop > stopped; }
`
	initPostgres = startPostgres + `
initdb -D data -A trust > initdb.log; cat postgresql.conf >> data/postgresql.conf
printf "listen_addresses=''\nport=54329\nunix_socket_directories='%s'\nshared_buffers=64MB\n" "$PWD" >> data/postgresql.conf
start; trap stop EXIT
`
	fillPostgres = `
createdb bench; pgbench -i -s 2 -q bench 2>/dev/null
psql -qAt bench -c "create table secret(t text); insert into secret select '$MARKER '||g from generate_series(1,20000) g"
`
	askPostgres = `
ask() {
	psql -qAt bench -c "select count(*), md5(string_agg(t, '' order by t)) from secret"
	psql -qAt bench -c "select sum(abalance), count(*) from pgbench_accounts"
}
`
)

var postgres = &program{
	name: "PostgreSQL with pgBackRest", directory: sendsMD5,
	settings: []settings{
		{"pgbackrest.conf", "ini", `
[global]
repo1-type=s3
repo1-path=/pgbackrest
repo1-s3-bucket={{.Bucket}}
repo1-s3-endpoint={{.Host}}
repo1-storage-port={{.Port}}
repo1-storage-ca-file={{.CA}}
repo1-s3-region={{.Region}}
repo1-s3-key={{.AccessKey}}
repo1-s3-key-secret={{.Secret}}
repo1-s3-uri-style=path
repo1-retention-full=2
start-fast=y
[demo]
pg1-path={{.Dir}}/data
`},
		{"postgresql.conf", "ini", `
wal_level=replica
archive_mode=on
archive_command='pgbackrest --stanza=demo archive-push %p'
`},
	},
	drill: &drill{
		needs: []string{"pgbackrest", postgresBin + "/postgres"}, user: "postgres",
		version: "pgbackrest version | cut -d' ' -f2; " + postgresBin +
			"/postgres --version | sed 's/.* \\([0-9.]*\\) .*/PostgreSQL \\1/'",
		write: pgbackrest + initPostgres + `
pgbackrest stanza-create
pgbackrest check` + fillPostgres + `
pgbackrest --type=full backup
pgbench -n -c 2 -t 200 bench > bench.log 2>&1
pgbackrest --type=incr backup` + askPostgres + `
ask > before
psql -qAt bench -c 'select clock_timestamp()' > when
psql -qAt bench -c 'drop table secret; select pg_switch_wal()' > dropped
pgbackrest check
`,
		destroy: "rm -rf data log spool lock",
		restore: pgbackrest + startPostgres + `mkdir -m 700 data
pgbackrest --type=time "--target=$(cat when)" --target-action=promote restore
start; trap stop EXIT
until_true promoted` + askPostgres + `
ask > after
pgbackrest --type=full backup
`,
		compare: "cat before; diff before after",
	},
}

// pgbackrest gives scripts, and the servers that they start, the settings of the folder.
const pgbackrest = `mkdir -p log spool lock
export PGBACKREST_CONFIG=$PWD/pgbackrest.conf PGBACKREST_STANZA=demo PGBACKREST_LOG_PATH=$PWD/log
export PGBACKREST_SPOOL_PATH=$PWD/spool PGBACKREST_LOCK_PATH=$PWD/lock PGBACKREST_LOG_LEVEL_CONSOLE=warn
export PGBACKREST_PG1_PORT=54329 PGBACKREST_PG1_SOCKET_PATH=$PWD
`

var barman = &program{
	name: "PostgreSQL with Barman", directory: sendsMD5,
	settings: []settings{
		{"environment", "sh", sdkCredentials + `export AWS_CA_BUNDLE={{.CA}} AWS_CONFIG_FILE={{.Dir}}/aws-config
`},
		{"aws-config", "ini", pathStyle},
		{"postgresql.conf", "ini", `
wal_level=replica
archive_mode=on
archive_command='barman-cloud-wal-archive -z --endpoint-url {{.Endpoint}} s3://{{.Bucket}}/barman demo %p'
restore_command='barman-cloud-wal-restore --endpoint-url {{.Endpoint}} s3://{{.Bucket}}/barman demo %f %p'
`},
	},
	drill: &drill{
		needs: []string{"/usr/bin/barman-cloud-backup", postgresBin + "/postgres"}, user: "postgres",
		version: "barman-cloud-backup --version | sed 's/.* //'; " + postgresBin +
			"/postgres --version | sed 's/.* \\([0-9.]*\\) .*/PostgreSQL \\1/'",
		write: initPostgres + fillPostgres + `
barman-cloud-backup -z --immediate-checkpoint --endpoint-url $ENDPOINT -h $PGHOST -p $PGPORT s3://$BUCKET/barman demo
pgbench -n -c 2 -t 200 bench > bench.log 2>&1` + askPostgres + `
ask > before
psql -qAt bench -c 'select pg_switch_wal()' > switched
last() { psql -qAt -c 'select last_archived_wal from pg_stat_archiver'; }
archived() { test "$(last)" '>' "$(cat wal)" -o "$(last)" = "$(cat wal)"; }
psql -qAt -c "select pg_walfile_name('$(cat switched)')" > wal
until_true archived
`,
		destroy: "rm -rf data",
		restore: startPostgres + `
barman-cloud-backup-list --endpoint-url $ENDPOINT s3://$BUCKET/barman demo | awk '/^20/ { print $1 }' > backup
barman-cloud-restore --endpoint-url $ENDPOINT s3://$BUCKET/barman demo "$(cat backup)" data
touch data/recovery.signal
start; trap stop EXIT
until_true promoted` + askPostgres + `
ask > after
`,
		compare: "cat before; diff before after",
	},
}

// pathStyle has clients with Amazon's Python SDK address buckets by path.
const pathStyle = `
[default]
s3 =
  addressing_style = path
`

var litestream = &program{
	name: "Litestream", directory: works,
	settings: []settings{
		{"environment", "sh", "export SSL_CERT_FILE={{.CA}}\n"},
		{"litestream.yml", "yaml", `
dbs:
  - path: {{.Dir}}/app.db
    replica:
      type: s3
      endpoint: {{.Endpoint}}
      region: {{.Region}}
      bucket: {{.Bucket}}
      path: litestream
      access-key-id: {{.AccessKey}}
      secret-access-key: {{.Secret}}
      force-path-style: true
`},
	},
	drill: &drill{
		needs: []string{"litestream", "python3"}, version: goModule("litestream"),
		write: `cat > fill.py <<'END'
import os, sqlite3, sys
db = sqlite3.connect("app.db")
db.execute("pragma journal_mode=wal")
db.execute("create table if not exists secret(n integer primary key, t text, b blob)")
for n in range(200):
    db.execute("insert into secret(t, b) values (?, ?)", (os.environ["MARKER"] + str(n), os.urandom(3000)))
    db.commit()
END
cat > ask.py <<'END'
import hashlib, sqlite3
h = hashlib.sha256()
for row in sqlite3.connect("app.db").execute("select n, t, b from secret order by n"): h.update(repr(row).encode())
print(h.hexdigest())
END
python3 fill.py
litestream replicate -config litestream.yml > litestream.log 2>&1 & litestream=$!
until_true ls .app.db-litestream/ltx
python3 fill.py
kill -INT $litestream; wait $litestream
python3 ask.py > before
`,
		destroy: "rm -rf app.db* .app.db*",
		restore: "litestream restore -config litestream.yml app.db; python3 ask.py > after",
		compare: "cat before; diff before after",
	},
}

var victoriaMetrics = &program{
	name: "VictoriaMetrics with vmbackup", directory: works,
	settings: []settings{
		{"environment", "sh", sdkCredentials + `export SSL_CERT_FILE={{.CA}}
vmbackup() { command vmbackup -customS3Endpoint={{.Endpoint}} -dst=s3://{{.Bucket}}/vm "$@"; }
vmrestore() { command vmrestore -customS3Endpoint={{.Endpoint}} -src=s3://{{.Bucket}}/vm "$@"; }
`},
	},
	drill: &drill{
		needs: []string{"vmbackup", "vmrestore", "victoria-metrics"}, version: goModule("vmbackup"),
		write: serveMetrics + `
for n in $(seq 2000); do echo "secret{marker=\"$MARKER\",n=\"$n\"} $RANDOM $(( $(date +%s) * 1000 - n * 1000 ))"; done > import
serve
curl -fs --data-binary @import http://$FREE/api/v1/import/prometheus
curl -fs http://$FREE/internal/force_flush
ask > before; test -s before
vmbackup -httpListenAddr=127.0.0.1:0 -storageDataPath=data -snapshot.createURL=http://$FREE/snapshot/create 2> vmbackup.log || { cat vmbackup.log; exit 1; }
`,
		destroy: "rm -rf data",
		restore: serveMetrics + `
vmrestore -httpListenAddr=127.0.0.1:0 -storageDataPath=data 2> vmrestore.log || { cat vmrestore.log; exit 1; }
serve
ask > after
`,
		compare: "wc -l before; diff before after",
	},
}

// serveMetrics starts the database of the folder data, and asks for all that is in it.
const serveMetrics = `
serve() {
	victoria-metrics -storageDataPath=data -httpListenAddr=$FREE -retentionPeriod=10y > vm.log 2>&1 &
	until_true curl -fs http://$FREE/health
}
ask() { curl -fs http://$FREE/api/v1/export -d 'match[]=secret' | sort; }
`

const mariadbRoot = `M=${TOOLS:+$TOOLS/mariadb}/usr; export LD_LIBRARY_PATH=$M/lib/x86_64-linux-gnu:$TOOLS/mariadb/lib/x86_64-linux-gnu
`

var mariadb = &program{
	name: "MariaDB's S3 engine", directory: works,
	settings: []settings{
		{"s3.cnf", "ini", `
[mariadbd]
plugin-load-add=ha_s3
s3=ON
s3_host_name={{.Host}}
s3_port={{.Port}}
s3_region={{.Region}}
s3_bucket={{.Bucket}}
s3_access_key={{.AccessKey}}
s3_secret_key={{.Secret}}
s3_protocol_version=Path
`},
	},
	drill: &drill{
		needs: []string{"mariadbd", "unshare"}, readsCA: true,
		version: mariadbRoot + "$M/sbin/mariadbd --version | sed 's/.*Ver \\([0-9.]*\\).*/\\1/'",
		write: mariadbRoot + serveMariaDB + `
sql "create database shop; use shop; create table secret(n int primary key auto_increment, t varchar(200), b varbinary(200)) engine=Aria;
insert into secret(t, b) select concat('$MARKER ', seq), random_bytes(200) from seq_1_to_20000;
alter table secret engine=S3"
sql "$ASK" > before
`,
		destroy: "rm -rf data",
		restore: mariadbRoot + serveMariaDB + `
sql "create database shop"
sql "$ASK" > after
`,
		compare: "cat before; diff before after",
	},
}

const serveMariaDB = `
$M/bin/mariadb-install-db --no-defaults --basedir=$M --builddir= --datadir=$PWD/data --auth-root-authentication-method=normal --user=root > install.log 2>&1 || { cat install.log; exit 1; }
$M/sbin/mariadbd --defaults-file=$PWD/s3.cnf --user=root --basedir=$M --plugin-dir=$M/lib/mysql/plugin --datadir=$PWD/data \
	--lc-messages-dir=$M/share/mysql --skip-networking --socket=$PWD/sock --pid-file=$PWD/pid > mariadb.log 2>&1 &
sql() { $M/bin/mariadb --no-defaults -u root -S $PWD/sock -N -e "$1" || { tail -20 mariadb.log; return 1; }; }
until_true $M/bin/mariadb-admin --no-defaults -u root -S $PWD/sock ping
ASK="select count(*), md5(group_concat(md5(concat(n, t, b)) order by n)) from shop.secret"
`
