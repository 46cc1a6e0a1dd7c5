#!/usr/bin/env python3
"""Checks from the remote database alone what a meter-sync site has delivered: its records, and the readings themselves.

Written from section 4 of protocol.md, and shares no code with meter-sync: to be read, and to be run by somebody who trusts
neither the site nor the customer. It only reads. The server's answers are all it has: against an administrator who makes a
server lie, check a restored backup on a server of your own. It needs Python 3.9 and two packages, on Debian
`apt install python3-psycopg python3-cryptography`, elsewhere `pip install 'psycopg[binary]' cryptography`.

    verify_custody.py postgresql://auditor@remote/customer north --key FINGERPRINT --head SEQ:DIGEST

Exit code 0: all is proved. 1: something is in doubt, or not proved. 2: it could not be checked.
"""
import argparse, base64, hashlib, json, re, struct, sys
from collections import defaultdict

import psycopg
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from psycopg import sql

SESSION = """set local search_path to pg_catalog; set local row_security to off; set local jit to off; set local "DateStyle" to 'ISO, YMD';
  set local "IntervalStyle" to 'postgres'; set local "TimeZone" to 'UTC'; set local extra_float_digits to 3;
  set local bytea_output to 'hex'; set local lc_monetary to 'C'; set local xmloption to 'content'"""
UTC = """to_char({} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
NO_DIGEST = '0' * 64

# Types that are hashed in a form of their own; all others are hashed as text. These words alone get into SQL, never a type of a record.
FORMS = {'smallint': '{}', 'integer': '{}', 'boolean': '{}', 'uuid': '{}', 'bytea': '{}', 'date': '{}', 'bigint': 'int8send({})',
         'real': 'float4send({})', 'double precision': 'float8send({})', 'numeric': 'numeric_send({})', 'interval': 'interval_send({})',
         'timestamp with time zone': 'timestamptz_send({})', 'timestamp without time zone': 'timestamp_send({})',
         'time with time zone': 'timetz_send({})', 'time without time zone': 'time_send({})',
         'bpchar': "convert_to(case when {0} is not null then format('%s', {0}) end, 'UTF8')"}
AS_TEXT = "convert_to({}::text, 'UTF8')"
TEXTS = {'text', 'character varying', 'character', 'bpchar'}
DAYS = {'timestamp with time zone': "({} at time zone 'UTC')::date", 'timestamp without time zone': '({})::date', 'date': '({})'}
ENTRY = re.compile(r'(|-?infinity|\d{4,}-\d\d-\d\d(?: BC)?),(\d{1,10}),(-?\d{1,40})(?:,([\da-f]{64}))?')
PLAIN_DAY = re.compile(r'\d{4}-\d\d-\d\d')


class NotChecked(Exception):
    """Why nothing could be checked."""


def digest(*texts):
    parts = (b'-,' if t is None else b'%d:%s,' % (len(t.encode()), t.encode()) for t in texts)
    return hashlib.sha256(b''.join(parts)).hexdigest()


def has_signed(key, message, signature):
    """True when this key has signed the message; all are hexadecimal."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(signature), bytes.fromhex(message))
        return True
    except (InvalidSignature, ValueError, TypeError):
        return False


def is_told(key, told):
    """True when `told` is this key in base64 or hexadecimal, or its fingerprint."""
    fingerprint = hashlib.sha256(bytes.fromhex(key)).hexdigest()[:32]
    return re.sub(r'[\s:-]', '', told).lower() in (fingerprint, key) or told == base64.b64encode(bytes.fromhex(key)).decode()


def parse_days(text):
    """[(day, rows, sum, day digest)]; None for a text that no site writes."""
    found = [ENTRY.fullmatch(entry) for entry in text.split(';')] if text else []
    days = [(m[1] or None, int(m[2]), int(m[3]), m[4]) for m in found if m]
    return days if all(found) and all(abs(total) <= rows << 63 for _, rows, total, _ in days) else None


class Keys:
    """The keys of a site that can be trusted: told elsewhere, or linked to such a one by signatures of both."""

    def __init__(self, db, site, told):
        self.rows, links = [], []
        for from_seq, key, previous, signature, previous_signature in db.execute(
                """select from_seq, encode(public_key, 'hex'), encode(previous_key, 'hex'), encode(signature, 'hex'),
                encode(previous_signature, 'hex') from meter_sync.custody_key where site = %s order by from_seq""", [site]):
            facts = digest('key', site, str(from_seq), key, previous)
            if has_signed(key, facts, signature):
                self.rows.append((from_seq, key))
                if previous is not None and has_signed(previous, facts, previous_signature):
                    links.append({key, previous})
        known = {key for _, key in self.rows if (any(is_told(key, one) for one in told) if told else key == self.rows[0][1])}
        while any(link & known and link - known for link in links):
            known |= set().union(*(link for link in links if link & known))
        self.strangers = [from_seq for from_seq, key in self.rows if key not in known]
        self.rows = [(from_seq, key) for from_seq, key in self.rows if key in known]

    def at(self, seq):
        return next((key for from_seq, key in reversed(self.rows) if from_seq <= seq), '')


class Chain:
    """The records of a site, from the first one that is there: what is wrong with them, and what they have delivered by days."""

    def __init__(self, db, site, told, lists):
        self.site, self.lists, self.keys, self.faults = site, lists, Keys(db, site, told), []
        self.faults += [f'a key from record {seq} on: no known key of the site has signed it' for seq in self.keys.strangers]
        self.last, self.digests, self.pruned, self.records, self.rows = (0, NO_DIGEST), {}, 0, 0, 0
        self.days = defaultdict(lambda: [0, 0, set()])  # day: readings, sum, the digests of the lists of columns
        self.bytes = {}  # day: the day digest of its newest record, and its list of columns
        self.dark = []  # the first and the last day of records without day sums
        first = db.execute('select min(seq) from meter_sync.custody where site = %s', [site]).fetchone()[0]
        sealed = {}
        for seal in self.read_seals(db):
            if first is None or seal['seq'] < first:
                self.begin_behind(seal)
            sealed[seal['seq']] = seal['record_digest']
        with db.cursor(name='records') as records:
            for record in records.execute(f"""select seq, encode(content_digest, 'hex'), rows, already_there, encode(columns_id, 'hex'),
                    days, {UTC.format('first_timestamp')}, {UTC.format('last_timestamp')}, claim::text, sent_by, host(sent_from),
                    {UTC.format('committed_at')}, encode(digest, 'hex'), encode(signature, 'hex')
                    from meter_sync.custody where site = %s order by seq""", [site]):
                self.walk(*record)
        for seq, record_digest in sealed.items():
            if self.digests.get(seq, record_digest) != record_digest:
                self.faults.append(f'record {seq}: it is not the one that was sealed')

    def read_seals(self, db):
        """Those that count, each with the one before it."""
        before = (0, NO_DIGEST)
        names = ['seq', 'record_digest', 'previous_seq', 'rows', 'already_there', 'totals', 'unsummed', 'last', 'sealed', 'digest', 'signature']
        for row in db.execute(f"""select seq, encode(record_digest, 'hex'), previous_seq, rows, already_there, totals, unsummed,
                {UTC.format('last_committed_at')}, {UTC.format('sealed_at')}, encode(digest, 'hex'), encode(signature, 'hex')
                from meter_sync.custody_seal where site = %s order by seq""", [self.site]).fetchall():
            s = dict(zip(names, row))
            right = digest('seal', self.site, str(s['seq']), s['record_digest'], str(s['previous_seq']), before[1], str(s['rows']),
                           str(s['already_there']), s['totals'], s['unsummed'], s['last'], s['sealed'])
            if s['previous_seq'] == before[0] and right == s['digest'] and has_signed(self.keys.at(s['seq']), right, s['signature']):
                before = (s['seq'], right)
                yield s
            else:
                self.faults.append(f'the seal behind record {s["seq"]}: altered, or the site has not signed it')

    def begin_behind(self, seal):
        """Its records were pruned."""
        for columns, _, days in (part.partition(':') for part in seal['totals'].split('|') if part):
            self.add(parse_days(days) or [], columns)
        if seal['unsummed']:
            self.dark.append(tuple(seal['unsummed'].split(',')[1:]))
        self.rows += seal['rows']
        self.pruned, self.last = seal['seq'], (seal['seq'], seal['record_digest'])
        self.digests[seal['seq']] = seal['record_digest']

    def add(self, days, columns):
        for day, rows, total, day_digest in days:
            of_day = self.days[day]
            of_day[0], of_day[1] = of_day[0] + rows, of_day[1] + total
            of_day[2].add(columns)
            self.bytes[day] = (day_digest, columns)

    def walk(self, seq, content, rows, already, columns_id, days, first, last, claim, by, address, at, told, signature):
        columns = next((one for one in self.lists if one.startswith(columns_id) and len(columns_id) == 16), None)
        right = digest('record', self.site, str(seq), self.last[1], content, str(rows), str(already), columns, days, first, last,
                       claim, by, address, at)
        entries = [] if days is None else parse_days(days)
        counts = rows if days is None else sum(entry[1] for entry in entries or [])
        for is_wrong, what in [
                (seq != self.last[0] + 1, f'those after record {self.last[0]} are missing'),
                (seq == self.last[0] + 1 and right != told, 'its digest is not that of its facts and of the record before it'),
                (not has_signed(self.keys.at(seq), told, signature), 'no known key of the site has signed it'),
                (columns is None, 'its list of columns is missing or was changed'),
                (entries is None or rows < 0 or already < 0 or counts != rows, 'its counts make no sense')]:
            if is_wrong:
                self.faults.append(f'record {seq}: {what}')
        self.add(entries or [], columns)
        if days is None:
            self.dark.append((first[:10] if first else '0000-00-00', last[:10] if last else '9999-99-99'))
        self.last, self.digests[seq] = (seq, told), told
        self.records, self.rows = self.records + 1, self.rows + rows


def base_of(type):
    return re.sub(r'\([\d,-]*\)', '', type or '')


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
        types = db.execute("""select a.attname, format_type(case t.typtype when 'd' then t.typbasetype else t.oid end,
            case t.typtype when 'd' then t.typtypmod else a.atttypmod end) from pg_attribute a join pg_type t on t.oid = a.atttypid
            where a.attrelid = %s and a.attnum > 0 and not a.attisdropped""", [oid])
        schema_of_type = re.compile(r'^("([^"]|"")*"|[^"\s.(]+)\.(?=\S)')
        self.types = {column: schema_of_type.sub('', type) for column, type in types}

    def day(self, column):
        return sql.SQL('null::date') if column is None else sql.SQL(DAYS[base_of(self.types[column])]).format(sql.Identifier(column))

    def group(self, day_column, columns):
        """By days what the table holds: {day: (rows, sum)}; without columns it is only counted."""
        forms = [sql.SQL(FORMS.get(base_of(self.types[name]), AS_TEXT)).format(sql.Identifier(name)) for name in columns or []]
        hash = sql.SQL("hashtextextended('', hash_record_extended(row({}), 0))").format(sql.SQL(', ').join(forms)) if forms else sql.SQL('0')
        query = sql.SQL('select ({})::text, count(*), sum({})::text from {} where {} group by 1')
        found = self.db.execute(query.format(self.day(day_column), hash, self.name, self.where))
        return {day: (rows, int(total)) for day, rows, total in found}

    def day_digest(self, day_column, day, columns):
        """The LtHash of the rows of a day, in 1,024 lanes of 16 bits; even and odd lanes are added apart, so that none runs over."""
        lanes, mask = [0, 0], int.from_bytes(b'\xff\xff\0\0' * 512, 'little')
        query = sql.SQL('copy (select {} from {} where ({}) is not distinct from {}::date and ({})) to stdout (format binary)').format(
            sql.SQL(', ').join(map(sql.Identifier, columns)), self.name, self.day(day_column), sql.Literal(day), self.where)
        with self.db.cursor().copy(query) as copy:
            data = b''.join(bytes(part) for part in copy)
        at = 19 + struct.unpack_from('!i', data, 15)[0]  # behind the header and its extension
        while (fields := struct.unpack_from('!h', data, at)[0]) >= 0:
            start, at = at, at + 2
            for _ in range(fields):
                at += 4 + max(0, struct.unpack_from('!i', data, at)[0])
            spread = int.from_bytes(hashlib.shake_128(data[start:at]).digest(2048), 'little')
            lanes = [(lanes[0] + (spread & mask)) & mask, (lanes[1] + (spread >> 16 & mask)) & mask]
        return hashlib.sha256((lanes[0] | lanes[1] << 16).to_bytes(2048, 'little')).hexdigest()

    def changes(self, recorded):
        """What has become of the columns of a record; whether they can be hashed; whether PostgreSQL may have written them anew."""
        told = [(name, type, self.types.get(name)) for name, type in recorded if self.types.get(name) != type]
        can_hash = all(now and (base_of(now) == base_of(was) or {base_of(now), base_of(was)} <= TEXTS) for _, was, now in told)
        texts = [f'column {name} was {was} and is {now}' if now else f'column {name} is no longer there' for name, was, now in told]
        return '; '.join(texts), can_hash, any('(' in (now or '') for *_, now in told)


def compare(table, chain, others, known, is_deep):
    """The days as [(day, delivered, found, proof, reason)], and why no day can be compared."""
    delivered = defaultdict(lambda: [0, 0, set(), set()])
    for one in [chain, *others]:
        for day, (rows, total, columns) in one.days.items():
            of_day = delivered[day]
            of_day[0], of_day[1] = of_day[0] + rows, of_day[1] + total
            if rows:
                of_day[2].update(columns)
                of_day[3].add(one.site)
    lists = {id: chain.lists[id] for _, _, ids, _ in delivered.values() for id in ids if id in chain.lists}
    day_columns = {day for _, day in lists.values()}
    day_column = next(iter(day_columns), None)
    now, was = table.types.get(day_column), {base_of(dict(columns).get(day_column)) for columns, _ in lists.values()}
    if len(day_columns) > 1 or (day_column and (base_of(now) not in DAYS or was != {base_of(now)})):
        return [], f'any day: the column of the days, {", ".join(map(str, day_columns))}, was changed; it is {now} now'
    counted = table.group(day_column, None)
    fates = {id: table.changes(columns) for id, (columns, _) in lists.items()}
    sums = {id: table.group(day_column, [name for name, _ in lists[id][0]]) for id in lists if fates[id][1]}
    first = min((day for day, (rows, *_) in delivered.items() if rows and PLAIN_DAY.fullmatch(day or '')), default='')
    dark = [span for one in [chain, *others] for span in one.dark]
    lines = []
    for day in sorted({*delivered, *counted}, key=lambda day: day or ''):
        rows, total, ids, sites = delivered[day]
        found, id = counted.get(day, (0, 0))[0], next(iter(ids)) if len(ids) == 1 else None
        change, _, is_rewritten = fates.get(id, ('', False, False))
        strangers = sites - {chain.site} - known
        proof, reason = 'value', None
        if any(first_dark <= (day or first_dark) <= last_dark for first_dark, last_dark in dark):
            proof, reason = 'none', 'readings were delivered without day sums'
        elif not rows and (not found or (PLAIN_DAY.fullmatch(day or '') and day < first)):
            proof = 'outside'
        elif found != rows:
            proof, reason = 'doubt', f'{rows} readings were delivered, {found} are there'
        elif id not in sums:
            proof, reason = 'count', change or 'its readings were delivered with several lists of columns, or with one that is gone'
        elif sums[id].get(day, (0, 0))[1] != total:
            proof, reason = ('count', change) if is_rewritten else ('doubt', f'at least one of {rows} readings was changed')
        elif strangers:
            proof, reason = 'none', f'it fits only with what {", ".join(sorted(strangers))} delivered, whose key was not told with --key'
        elif is_deep:
            day_digest, by = chain.bytes.get(day, (None, None))
            if others or day_digest is None or by not in sums or change:
                reason = 'a column was changed' if change else 'its readings are not those of one site' if others else 'its records have no day digest'
                proof = 'sum'
            elif table.day_digest(day_column, day, [name for name, _ in lists[by][0]]) != day_digest:
                proof, reason = 'doubt', f'the bytes of {rows} readings are not those that were delivered, though their sum is the same'
        lines.append((day, rows, found, proof, reason))
    return lines, None


def check(db, site, options):
    keys, doubts, unproved, notes = defaultdict(list), [], [], []
    for of, key in options.key:
        keys[of or site].append(key)
    lists = {digest('columns', text, day): (json.loads(text), day)
             for text, day in db.execute('select columns::text, day_column from meter_sync.custody_columns').fetchall()}
    chain = Chain(db, site, keys.get(site), lists)
    if chain.last[0] == 0 and options.head is None:
        raise NotChecked(f'there is no record of site {site}; with --head an empty chain is judged')
    doubts += chain.faults
    if site not in keys:
        unproved.append('whose key it is: none was told with --key, and the first one on the remote was taken')
    seq, head = options.head or (chain.last[0], None)
    if head is None:
        unproved.append(f'that no record followed record {seq}: no head was told with --head')
    elif seq < chain.pruned and seq not in chain.digests:
        unproved.append(f'record {seq}, the head that was told: it was pruned; tell a later one')
    elif chain.digests.get(seq) != head:
        doubts.append(f'record {seq} is missing or another one than the head that was told: records were removed or replaced')
    names = db.execute('select distinct site from meter_sync.custody where site <> %s order by 1', [site]).fetchall()
    others = [] if options.where else [Chain(db, name, keys.get(name), lists) for name, in names]
    unproved += [f'what site {other.site} delivered: {other.faults[0]}' for other in others if other.faults]
    table = Table(db, options.table, options.where)
    if table.kind not in 'rp':
        unproved.append(f'the readings: {options.table} is no table, and may show others than are stored')
    days, obstacle = compare(table, chain, [other for other in others if not other.faults], set(keys), options.deep)
    doubts += [f'{day or "no day"}: {reason}' for day, _, _, proof, reason in days if proof == 'doubt']
    reasons = [(day or 'no day', reason) for day, _, _, proof, reason in days if proof in ('none', 'count', 'sum')]
    for reason in dict.fromkeys(reason for _, reason in reasons):
        of = [day for day, one in reasons if one == reason]
        unproved.append(f'{len(of)} days, {of[0]} to {of[-1]}: {reason}')
    unproved += [obstacle] if obstacle else []
    outside = sum(found for _, _, found, proof, _ in days if proof == 'outside')
    notes += [f'{outside} readings lie before the first day of the records: nobody has delivered them, and they are not judged'] if outside else []
    notes += [f'records up to {chain.pruned} were pruned: a seal of the site has their sums'] if chain.pruned else []
    return chain, doubts, unproved, notes, days


def to_head(text):
    seq, head = re.fullmatch(r'(\d+):([\da-f]{64})', text).groups()
    return int(seq), head


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('connection', help='connection string of the remote database, of a user who may read')
    parser.add_argument('site')
    parser.add_argument('--key', action='append', default=[], metavar='[SITE=]KEY', type=lambda text: re.fullmatch('(?:([^=]+)=)?(.+)', text).groups(),
                        help="the site's public key in base64, or its fingerprint; and those of other sites that write to the table")
    parser.add_argument('--head', type=to_head, help='SEQ:DIGEST of a record, told elsewhere: meter-sync custody show has it')
    parser.add_argument('--table', default='meter_readings', help='the readings table; in the schema public, unless it is named')
    parser.add_argument('--where', help="an SQL condition of your own that tells the site's readings from those of others")
    parser.add_argument('--deep', action='store_true', help='compare the bytes of each day, where METER_SYNC_CUSTODY was strong')
    parser.add_argument('--json', action='store_true')
    options = parser.parse_args(arguments)
    try:
        with psycopg.connect(options.connection) as db:
            db.isolation_level, db.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
            db.execute(SESSION)
            chain, doubts, unproved, notes, days = check(db, options.site, options)
    except (psycopg.Error, NotChecked) as error:
        print(f'could not be checked: {error}', file=sys.stderr)
        return 2
    verdict, head = 'in doubt' if doubts else 'not proved' if unproved else 'proved', f'{chain.last[0]}:{chain.last[1]}'
    if options.json:
        names = ('day', 'delivered', 'found', 'proof', 'reason')
        print(json.dumps({'site': options.site, 'verdict': verdict, 'records': chain.records, 'rows': chain.rows, 'head': head, 'doubts': doubts,
                          'notProved': unproved, 'notes': notes, 'days': [dict(zip(names, day)) for day in days]}))
    else:
        proved = [rows for _, rows, _, proof, _ in days if proof == 'value']
        print(f'site {options.site}: {verdict}\n  {chain.records} records, {chain.rows} readings delivered; the newest record is {head}')
        print(f'  {len(proved)} days are proved by {"their bytes" if options.deep else "value"}: {sum(proved)} readings')
        for kind, texts in ('in doubt', doubts), ('not proved', unproved), ('note', notes):
            for text in texts:
                print(f'  {kind}: {text}')
    return 1 if doubts or unproved else 0


if __name__ == '__main__':
    sys.exit(main())
