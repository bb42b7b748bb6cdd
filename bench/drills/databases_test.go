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
	name: "PostgreSQL with pgBackRest", directory: "is not supported",
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
		version: "pgbackrest version | cut -d' ' -f2; " + postgresBin + "/postgres --version | sed 's/.* \\([0-9.]*\\) .*/PostgreSQL \\1/'",
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
