comment on schema meter_sync is 'Bookkeeping of meter-sync. Made and upgraded by: meter-sync init';
