package postgres

import (
	"context"
	"time"

	"cdds/source"
)

// strain asks for what any role may see of the server's load, and for more
// where it may see it. A standby's lag counts only while changes wait that it
// has received; that of a primary is its slowest standby's, for roles in
// pg_monitor. Connections are counted from the statistics of the databases,
// which cost less than the list of sessions.
const strain = `select
	case when pg_is_in_recovery()
		then case when pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()
			then extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()) end
		else (select max(extract(epoch from greatest(replay_lag, flush_lag, write_lag))) from pg_stat_replication) end::float8,
	(select count(distinct pid) from pg_locks where not granted and waitstart < clock_timestamp() - interval '1 second'),
	(select coalesce(sum(numbackends), 0) from pg_stat_database)::bigint,
	current_setting('max_connections')::int`

// Strain asks the server how it bears its load.
func (s *Source) Strain(ctx context.Context) (source.Strain, error) {
	conn, err := s.acquire(ctx, patience)
	if err != nil {
		return source.Strain{}, err
	}
	defer conn.Release()
	var out source.Strain
	var lag *float64
	if err := conn.QueryRow(ctx, strain).Scan(&lag, &out.Blocked, &out.Connections, &out.MaxConnections); err != nil {
		return source.Strain{}, failure(ctx, err)
	}
	if lag != nil {
		out.Lag = time.Duration(*lag * float64(time.Second))
	}
	return out, nil
}
