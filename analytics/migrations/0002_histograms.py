"""The latency histogram in SQL: the same buckets as analytics.histogram, to merge, collect and read."""

from django.db import migrations

# tollgate_latency_begins(): where each bucket begins, in ms.
# tollgate_latency_bucket(ms): the number, from 1, of the bucket that holds a latency.
# tollgate_histogram_add(a, b): the histogram of everything that either counts.
# tollgate_histogram_sum(histogram): the same over rows.
# tollgate_histogram_of(ms): the histogram of latencies; nulls do not count.
# tollgate_histogram_quantile(histogram, share): nearest rank; the middle of the bucket; null when empty.
CREATE = """
CREATE FUNCTION tollgate_latency_begins() RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    begins integer[] := ARRAY[0];
    latest integer := 0;
BEGIN
    WHILE latest < 600000 LOOP
        latest := latest + greatest(1, latest / 10);
        begins := begins || latest;
    END LOOP;
    RETURN begins;
END $$;

CREATE FUNCTION tollgate_latency_bucket(ms integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT width_bucket(greatest(ms, 0), tollgate_latency_begins())
$$;

CREATE FUNCTION tollgate_histogram_add(a bigint[], b bigint[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    result bigint[] := a;
    place integer;
BEGIN
    IF coalesce(cardinality(b), 0) = 0 THEN RETURN coalesce(a, '{}'); END IF;
    IF coalesce(cardinality(a), 0) = 0 THEN RETURN b; END IF;
    FOR place IN 1 .. cardinality(b) LOOP
        result[place] := coalesce(result[place], 0) + b[place];
    END LOOP;
    RETURN result;
END $$;

CREATE AGGREGATE tollgate_histogram_sum(bigint[]) (
    SFUNC = tollgate_histogram_add, STYPE = bigint[], INITCOND = '{}',
    COMBINEFUNC = tollgate_histogram_add, PARALLEL = SAFE
);

CREATE FUNCTION tollgate_histogram_count(histogram bigint[], ms integer) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    result bigint[] := histogram;
    place integer;
    filler integer;
BEGIN
    IF ms IS NULL THEN RETURN result; END IF;
    place := tollgate_latency_bucket(ms);
    FOR filler IN cardinality(result) + 1 .. place LOOP
        result[filler] := 0;
    END LOOP;
    result[place] := result[place] + 1;
    RETURN result;
END $$;

CREATE AGGREGATE tollgate_histogram_of(integer) (
    SFUNC = tollgate_histogram_count, STYPE = bigint[], INITCOND = '{}',
    COMBINEFUNC = tollgate_histogram_add, PARALLEL = SAFE
);

CREATE FUNCTION tollgate_histogram_quantile(histogram bigint[], share double precision) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    total bigint := (SELECT sum(counted) FROM unnest(histogram) AS counted);
    wanted bigint := greatest(1, ceil(share * total));
    seen bigint := 0;
    begin_ms integer := 0;
    place integer;
BEGIN
    IF coalesce(total, 0) = 0 THEN RETURN NULL; END IF;
    FOR place IN 1 .. cardinality(histogram) LOOP
        seen := seen + histogram[place];
        IF seen >= wanted THEN
            RETURN begin_ms + (greatest(1, begin_ms / 10) - 1) / 2;
        END IF;
        begin_ms := begin_ms + greatest(1, begin_ms / 10);
    END LOOP;
    RETURN NULL;
END $$;
"""

DROP = """
DROP FUNCTION tollgate_histogram_quantile(bigint[], double precision);
DROP AGGREGATE tollgate_histogram_of(integer);
DROP FUNCTION tollgate_histogram_count(bigint[], integer);
DROP AGGREGATE tollgate_histogram_sum(bigint[]);
DROP FUNCTION tollgate_histogram_add(bigint[], bigint[]);
DROP FUNCTION tollgate_latency_bucket(integer);
DROP FUNCTION tollgate_latency_begins();
"""


class Migration(migrations.Migration):
    """Creates the functions and aggregates."""

    dependencies = [("analytics", "0001_initial")]

    operations = [migrations.RunSQL(CREATE, DROP)]
