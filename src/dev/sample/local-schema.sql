-- The site's tables. Readings carry no foreign key: a site measures before it has heard of its meters.
create table if not exists tenant (
  id bigint primary key,
  name text not null,
  building text,
  active boolean not null default true
);

create table if not exists meter (
  id bigint primary key,
  name text not null,
  tenant_id bigint,
  serial_number text,
  location text,
  channels text[] not null default '{}',
  active boolean not null default true
);

create table if not exists meter_readings (
  id uuid primary key default gen_random_uuid(),
  meter_id bigint not null,
  created_at timestamptz not null default now(),
  consumption_hi numeric,
  consumption_lo numeric,
  demand numeric,
  power_factor numeric,
  current_a numeric,
  current_b numeric,
  current_c numeric,
  voltage_a numeric,
  voltage_b numeric,
  voltage_c numeric,
  day_night text,
  is_synchronized boolean default false
);

-- The queue: small however large the table is, and in the order in which readings leave.
create index if not exists meter_readings_queue on meter_readings (created_at, id) where is_synchronized is not true;
