#!/usr/bin/env python3
"""Checks from the remote database alone what a meter-sync site has delivered: its records, and the readings themselves.

Written from section 4 of protocol.md, and shares no code with meter-sync: to be read, and to be run by somebody who trusts
neither the site nor the customer. It only reads. The server's answers are all it has: against an administrator who makes a
server lie, check a restored backup on a server of your own. It needs Python 3.9 and two packages, on Debian
`apt install python3-psycopg python3-cryptography`, elsewhere `pip install 'psycopg[binary]' cryptography`.

    verify_custody.py postgresql://auditor@remote/customer north --key FINGERPRINT --head SEQ:DIGEST

Exit code 0: all is proved. 1: something is in doubt, or not proved. 2: it could not be checked.
"""
import argparse, base64, hashlib, json, re, sys
from collections import defaultdict

import psycopg
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from psycopg import sql

SESSION = """set local search_path to pg_catalog; set local row_security to off; set local jit to off; set local "DateStyle" to 'ISO, YMD';
  set local "IntervalStyle" to 'postgres'; set local "TimeZone" to 'UTC'; set local extra_float_digits to 3;
  set local bytea_output to 'hex'; set local lc_monetary to 'C'; set local xmloption to 'content'"""
UTC = """to_char({0} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
NO_DIGEST = '0' * 64

# The types that are hashed in a form of their own; all others are hashed as text. Only these words, never a type of a record, get into SQL.
SENT = {'smallint': '{}', 'integer': '{}', 'boolean': '{}', 'uuid': '{}', 'bytea': '{}', 'date': '{}', 'bigint': 'int8send({})',
        'real': 'float4send({})', 'double precision': 'float8send({})', 'numeric': 'numeric_send({})', 'interval': 'interval_send({})',
        'timestamp with time zone': 'timestamptz_send({})', 'timestamp without time zone': 'timestamp_send({})',
        'time with time zone': 'timetz_send({})', 'time without time zone': 'time_send({})'}
TEXTS = {'text', 'character varying', 'character', 'bpchar'}
DAYS = {'timestamp with time zone': "({} at time zone 'UTC')::date", 'timestamp without time zone': '({})::date', 'date': '({})'}
ENTRY = re.compile(r'(|-?infinity|\d{4,}-\d\d-\d\d(?: BC)?),(\d{1,10}),(-?\d{1,40})(?:,[\da-f]{64})?')


def digest(*texts):
    parts = (b'-,' if t is None else b'%d:%s,' % (len(t.encode()), t.encode()) for t in texts)
    return hashlib.sha256(b''.join(parts)).hexdigest()


def signed(key, message, signature):
    """True when this key (hexadecimal) has signed the message (hexadecimal)."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(signature or ''), bytes.fromhex(message))
        return True
    except (InvalidSignature, ValueError, TypeError):
        return False


def is_told(key, told):
    """True when `told` is this key in base64, or its fingerprint: SHA-256 of its bytes, at least the first 32 digits."""
    digits = re.sub('[^0-9a-f]', '', told.lower())
    is_print = len(digits) >= 32 and hashlib.sha256(bytes.fromhex(key)).hexdigest().startswith(digits)
    return is_print or base64.b64encode(bytes.fromhex(key)).decode() == told


def parse_days(text):
    """[(day, rows, sum)]; None for a text that no site writes."""
    found = [ENTRY.fullmatch(entry) for entry in text.split(';')] if text else []
    days = [(m[1] or None, int(m[2]), int(m[3])) for m in found if m]
    return days if all(found) and all(abs(s) <= rows << 63 for _, rows, s in days) else None


class NotChecked(Exception):
    """Why nothing could be checked."""


class Keys:
    """The keys of a site that can be trusted: told elsewhere, or linked to such a one by signatures of both."""

    def __init__(self, db, site, told):
        rows = db.execute("""select from_seq, encode(public_key, 'hex'), encode(previous_key, 'hex'), encode(signature, 'hex'),
            encode(previous_signature, 'hex') from meter_sync.custody_key where site = %s order by from_seq""", [site]).fetchall()
        self.rows, links = [], []
        for from_seq, key, previous, signature, previous_signature in rows:
            facts = digest('key', site, str(from_seq), key, previous)
            if not signed(key, facts, signature):
                continue
            self.rows.append((from_seq, key))
            if previous is not None and signed(previous, facts, previous_signature):
                links.append({key, previous})
        known = {key for _, key in self.rows if (is_told(key, told) if told else key == self.rows[0][1])}
        while any(link & known and link - known for link in links):
            known |= set().union(*(link for link in links if link & known))
        self.strangers = [(seq, key) for seq, key in self.rows if key not in known]
        self.rows = [(seq, key) for seq, key in self.rows if key in known]

    def at(self, seq):
        return next((key for from_seq, key in reversed(self.rows) if from_seq <= seq), None)


class Chain:
    """The records of a site: each fault in `faults`, and by days what they have delivered."""

    def __init__(self, db, site, told):
        self.site, self.faults, self.keys = site, [], Keys(db, site, told)
        self.rows = self.records = 0
        self.last, self.digests = (0, NO_DIGEST), {}
        self.days = defaultdict(lambda: [0, 0, set()])  # day: rows, sum, the digests of its lists of columns
        self.unsummed = []  # the first and the last reading of records without day sums
        self.lists = {}
        for id, columns, day in db.execute("select encode(id, 'hex'), columns::text, day_column from meter_sync.custody_columns"):
            self.lists[id] = (digest('columns', columns, day), columns, day)
        with db.cursor(name='records') as records:
            for record in records.execute(f"""select seq, encode(content_digest, 'hex'), rows, already_there, encode(columns_id, 'hex'),
                days, {UTC.format('first_timestamp')}, {UTC.format('last_timestamp')}, claim::text, sent_by, host(sent_from),
                {UTC.format('committed_at')}, encode(digest, 'hex'), encode(signature, 'hex')
                from meter_sync.custody where site = %s order by seq""", [site]):
                self.walk(*record)

    def walk(self, seq, content, rows, already, columns_id, days, first, last, claim, by, address, at, told, signature):
        def fault(what):
            self.faults.append(f'record {seq}: {what}')

        columns, _, _ = self.lists.get(columns_id, ('', '', None))
        right = digest('record', self.site, str(seq), self.last[1], content, str(rows), str(already), columns, days, first, last,
                       claim, by, address, at)
        if seq != self.last[0] + 1:
            fault(f'the records after {self.last[0]} are missing')
        elif right != told:
            fault('its digest is not that of its facts and of the record before it')
        if not signed(self.keys.at(seq) or '', told, signature):
            fault('no known key of the site has signed it')
        if not columns or len(columns_id) != 16 or not columns.startswith(columns_id):
            fault('its list of columns is missing or was changed')
        entries = parse_days(days) if days is not None else []
        if entries is None or rows < 0 or already < 0 or (days is not None and rows != sum(r for _, r, _ in entries)):
            fault('its counts make no sense')
        for day, count, total in entries or []:
            of_day = self.days[day]
            of_day[0], of_day[1] = of_day[0] + count, of_day[1] + total
            of_day[2].add(columns_id)
        if days is None:
            self.unsummed.append((first, last))
        self.rows, self.records = self.rows + rows, self.records + 1
        self.last, self.digests[seq] = (seq, told), told


class Table:
    """The readings table as the catalogue has it now."""

    def __init__(self, db, name, where):
        self.db, self.where = db, sql.SQL(where or 'true')
        row = db.execute("""select c.oid, n.nspname, c.relname, c.relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where c.oid = to_regclass(%s)""", [name if '.' in name else f'public.{name}']).fetchone()
        if row is None:
            raise NotChecked(f'there is no table {name}')
        oid, schema, table, self.kind = row
        self.name = sql.Identifier(schema, table)
        self.types = dict(db.execute("""select a.attname, format_type(case t.typtype when 'd' then t.typbasetype else t.oid end,
            case t.typtype when 'd' then t.typtypmod else a.atttypmod end) from pg_attribute a join pg_type t on t.oid = a.atttypid
            where a.attrelid = %s and a.attnum > 0 and not a.attisdropped""", [oid]).fetchall())

    def form(self, column):
        """A stored value as it is hashed."""
        base = base_of(self.types[column])
        form = SENT.get(base, "convert_to(case when {0} is not null then format('%s', {0}) end, 'UTF8')"
                        if self.types[column] == 'bpchar' else "convert_to({}::text, 'UTF8')")
        return sql.SQL(form).format(sql.Identifier(column))

    def group(self, day_column, columns):
        """By days what the table holds: {day: (rows, sum)}; without columns it is only counted."""
        day = sql.SQL('null') if day_column is None else \
            sql.SQL(DAYS[base_of(self.types[day_column])]).format(sql.Identifier(day_column))
        hash = sql.SQL('0') if columns is None else sql.SQL("hashtextextended('', hash_record_extended(row({}), 0))").format(
            sql.SQL(', ').join(map(self.form, columns)))
        query = sql.SQL('select ({})::text, count(*), sum({})::text from {} where {} group by 1').format(day, hash, self.name, self.where)
        return {day: (rows, int(total)) for day, rows, total in self.db.execute(query)}


def base_of(type):
    return re.sub(r'\([\d,-]*\)', '', type)


def changes(recorded, types):
    """What has become of the columns of a record, and whether their values can be hashed as then."""
    told, can_hash = [], True
    for name, type in recorded:
        now = types.get(name)
        if now is None:
            told, can_hash = told + [f'column {name} is no longer there'], False
            continue
        now = re.sub(r'^("([^"]|"")*"|[^"\s.(]+)\.(?=\S)', '', now)  # without its schema
        if now != type:
            told.append(f'column {name} was {type} and is {now}')
            can_hash &= base_of(now) == base_of(type) or {base_of(now), base_of(type)} <= TEXTS
    return told, can_hash


def check(db, site, options):
    doubts, unproved, days = [], [], []
    keys = dict(options.key)
    chain = Chain(db, site, keys.get(site))
    if chain.records == 0 and options.head is None:
        raise NotChecked(f'there is no record of site {site}; with --head an empty chain is judged')
    doubts += chain.faults
    doubts += [f'key row from record {seq} on: no known key of the site has signed it' for seq, _ in chain.keys.strangers]
    if site not in keys:
        unproved.append('whose key it is: none was told with --key, and the first one on the remote was taken')
    if options.head is None:
        unproved.append(f'that no record followed record {chain.last[0]}: no head was told with --head')
    else:
        seq, head = options.head
        if chain.digests.get(seq) != head:
            doubts.append(f'record {seq} is missing or is another one than the head that was told: records were removed or replaced')
    names = [row[0] for row in db.execute('select distinct site from meter_sync.custody where site <> %s order by 1', [site])]
    others = [] if options.where else [Chain(db, name, keys.get(name)) for name in names]
    table = Table(db, options.table, options.where)
    if table.kind not in 'rp':
        unproved.append(f'the readings: {options.table} is not a table (kind {table.kind}), and may show others than are stored')
    compare(table, chain, others, set(keys), doubts, unproved, days)
    return chain, doubts, unproved, days


def compare(table, chain, others, told, doubts, unproved, lines):
    whole = [o for o in others if not o.faults]
    for other in others:
        if other.faults:
            unproved.append(f'records of site {other.site} count for nothing: {other.faults[0]}')
    delivered = defaultdict(lambda: [0, 0, set(), set()])
    for one in [chain, *whole]:
        for day, (rows, total, lists) in one.days.items():
            of_day = delivered[day]
            of_day[0], of_day[1] = of_day[0] + rows, of_day[1] + total
            of_day[2].update(lists)
            if rows or total:
                of_day[3].add(one.site)
    columns_of = {id: (json.loads(text), day) for id, (_, text, day) in chain.lists.items()}
    day_columns = {columns_of[id][1] for _, _, lists, _ in delivered.values() for id in lists if id in columns_of}
    day_column = next(iter(day_columns), None)
    now = table.types.get(day_column) if day_column else None
    if len(day_columns) > 1 or (day_column and base_of(now or '') not in DAYS):
        unproved.append(f'any day: the column of the days was changed ({", ".join(map(str, day_columns))}; now {now})')
        return
    was = {dict(columns_of[id][0]).get(day_column) for _, _, lists, _ in delivered.values() for id in lists if id in columns_of}
    if day_column and {base_of(type or '') for type in was} - {base_of(now)}:
        unproved.append(f'any day: column {day_column} was {", ".join(map(str, was))} and is {now}')
        return
    counted = table.group(day_column, None)
    sums, fates = {}, {}
    for id in {id for _, _, lists, _ in delivered.values() for id in lists if id in columns_of}:
        fates[id] = changes(columns_of[id][0], table.types)
        if fates[id][1]:
            sums[id] = table.group(day_column, [name for name, _ in columns_of[id][0]])
    first = min((day for day, (rows, *_) in delivered.items() if rows and re.fullmatch(r'\d{4}-\d\d-\d\d', day or '')), default=None)
    dark = [(a and a[:10], b and b[:10]) for one in [chain, *whole] for a, b in one.unsummed]
    for day in sorted({*delivered, *counted}, key=lambda day: day or ''):
        rows, total, lists, sites = delivered[day]
        found = counted.get(day, (0, 0))[0]
        if not rows and not found:
            continue
        name, proof, reason = day or 'no day', 'value', None
        id = next(iter(lists)) if len(lists) == 1 else None
        is_dark = any(a is None or a <= (day or a) <= (b or a) for a, b in dark)
        if is_dark:
            proof, reason = 'none', 'readings were delivered without day sums'
        elif rows == 0 and found and first and re.fullmatch(r'\d{4}-\d\d-\d\d', name) and day < first:
            continue  # before the first delivery: somebody else's, and told as such
        elif found != rows:
            doubts.append(f'{name}: {rows} readings were delivered, {found} are there')
            proof = 'doubt'
        elif rows and id in sums and sums[id].get(day, (0, 0))[1] != total:
            is_rewritten = any('(' in reason.rpartition(' is ')[2] for reason in fates[id][0])
            proof, reason = ('count', '; '.join(fates[id][0])) if is_rewritten else ('doubt', None)
            if proof == 'doubt':
                doubts.append(f'{name}: at least one of {rows} readings was changed')
        elif rows and id not in sums:
            proof = 'count'
            reason = '; '.join(fates[id][0]) if id in fates else 'its readings were delivered with different lists of columns'
        elif sites - {chain.site} - told:
            strangers = ', '.join(sorted(sites - {chain.site} - told))
            proof, reason = 'none', f'it fits only with what {strangers} delivered, whose key was not told with --key'
        lines.append({'day': day, 'delivered': rows, 'found': found, 'proof': proof, 'reason': reason})
    for reason in dict.fromkeys(line['reason'] for line in lines if line['reason']):
        of = [line['day'] or 'no day' for line in lines if line['reason'] == reason]
        unproved.append(f'{len(of)} days, {of[0]} to {of[-1]}: {reason}')
    before = sum(rows for day, (rows, _) in counted.items() if first and re.fullmatch(r'\d{4}-\d\d-\d\d', day or '') and day < first)
    if before:
        print(f'not looked at: {before} readings before {first}, the first day of the records', file=sys.stderr)


def to_head(text):
    seq, digest = re.fullmatch(r'(\d+):([\da-f]{64})', text).groups()
    return int(seq), digest


def to_key(text):
    return re.fullmatch(r'(?:([^=]+)=)?(.+)', text).groups()


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('connection', help='connection string of the remote database, of a user who may read')
    parser.add_argument('site')
    parser.add_argument('--key', action='append', default=[], type=to_key, metavar='[SITE=]KEY',
                        help="the site's public key in base64, or its fingerprint; and those of other sites that write to the table")
    parser.add_argument('--head', type=to_head, help='SEQ:DIGEST of a record, told elsewhere: the status of the site has it')
    parser.add_argument('--table', default='meter_readings', help='the readings table; in the schema public, unless it is named')
    parser.add_argument('--where', help="SQL condition of your own that tells the site's readings from those of others")
    parser.add_argument('--json', action='store_true')
    options = parser.parse_args(arguments)
    options.key = [(site or options.site, key) for site, key in options.key]
    try:
        with psycopg.connect(options.connection) as db:
            db.isolation_level, db.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
            db.execute(SESSION)
            chain, doubts, unproved, days = check(db, options.site, options)
    except (psycopg.Error, NotChecked) as error:
        print(f'could not be checked: {error}', file=sys.stderr)
        return 2
    verdict = 'in doubt' if doubts else 'not proved' if unproved else 'proved'
    if options.json:
        print(json.dumps({'site': options.site, 'verdict': verdict, 'records': chain.records, 'rows': chain.rows,
                          'head': f'{chain.last[0]}:{chain.last[1]}', 'doubts': doubts, 'notProved': unproved, 'days': days}))
    else:
        proved = [day for day in days if day['proof'] == 'value' and day['delivered']]
        print(f'site {options.site}: {verdict}')
        print(f'  {chain.records} records, {chain.rows} readings delivered; the newest is {chain.last[0]}:{chain.last[1]}')
        print(f'  {len(proved)} days proved by value: {sum(day["delivered"] for day in proved)} readings')
        for line in [f'in doubt: {doubt}' for doubt in doubts] + [f'not proved: {what}' for what in unproved]:
            print(f'  {line}')
    return 1 if doubts or unproved else 0


if __name__ == '__main__':
    sys.exit(main())
