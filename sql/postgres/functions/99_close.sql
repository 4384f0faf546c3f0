-- Functions are for PUBLIC by default: these are for whom they were granted to.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA prismq FROM PUBLIC;
