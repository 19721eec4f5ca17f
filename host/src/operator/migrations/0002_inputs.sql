-- Requests by hash name their input and say where it is: it is here once it was fetched.
alter table requests alter column input drop not null;
alter table requests add column source text;
