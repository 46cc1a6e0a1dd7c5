-- The customer's tables. They own meters and tenants, so a reading of a meter they do not know is refused.
create table if not exists tenant (
  id bigint primary key,
  name text not null,
  building text,
  active boolean not null default true
);

create table if not exists meter (
  id bigint primary key,
  name text not null,
  tenant_id bigint references tenant,
  serial_number text,
  location text,
  channels text[] not null default '{}',
  active boolean not null default true
);

create table if not exists meter_readings (
  id uuid primary key default gen_random_uuid(),
  meter_id bigint not null references meter,
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
  day_night text
);

create index if not exists meter_readings_meter_id_created_at on meter_readings (meter_id, created_at);
