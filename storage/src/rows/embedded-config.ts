import { createHash } from "node:crypto";

export interface EmbeddedConfig {
  port: number;
  password: string;
  /** Where its log and users file lie. */
  dir: string;
  /** Queries, merges and caches together; beyond it a query fails instead of the machine. */
  maxMemoryBytes: number;
}

export const EMBEDDED_USER = "runledger";
export const EMBEDDED_DATABASE = "runledger";

/** The embedded server's config.xml: no system logs, small caches and pools, warnings to a file that rotates. */
export function embeddedConfigXml(config: EmbeddedConfig): string {
  return `<clickhouse>
  <listen_host>127.0.0.1</listen_host>
  <http_port>${config.port}</http_port>
  <users_config>${xml(config.dir)}/users.xml</users_config>
  <log-level>warning</log-level>
  <logger><log>${xml(config.dir)}/clickhouse.log</log><size>10M</size><count>2</count></logger>
  <max_server_memory_usage>${config.maxMemoryBytes}</max_server_memory_usage>
  <mark_cache_size>67108864</mark_cache_size>
  <primary_index_cache_size>67108864</primary_index_cache_size>
  <index_mark_cache_size>33554432</index_mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <compiled_expression_cache_size>16777216</compiled_expression_cache_size>
  <background_pool_size>2</background_pool_size>
  <background_schedule_pool_size>4</background_schedule_pool_size>
  <max_connections>256</max_connections>
  <max_concurrent_queries>100</max_concurrent_queries>
</clickhouse>
`;
}

/**
 * Its users.xml. The process's own session must be the passwordless `default` (clickhouse-local knows no other): it may do what
 * opens the port and no more, and has one session at a time, which it holds as long as the server lives, so nobody else gets in as it.
 */
export function embeddedUsersXml(config: EmbeddedConfig): string {
  const passwordSha256 = createHash("sha256").update(config.password).digest("hex");
  return `<clickhouse>
  <profiles>
    <default><max_memory_usage>${Math.floor(config.maxMemoryBytes * 0.75)}</max_memory_usage></default>
    <bootstrap><max_sessions_for_user>1</max_sessions_for_user></bootstrap>
  </profiles>
  <users>
    <default>
      <no_password/>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>bootstrap</profile>
      <grants>
        <query>GRANT SYSTEM LISTEN ON *.*</query>
        <query>GRANT CREATE ARBITRARY TEMPORARY TABLE ON *.*</query>
        <query>GRANT TABLE ENGINE ON File</query>
        <query>GRANT SELECT ON _local.table</query>
      </grants>
    </default>
    <${EMBEDDED_USER}>
      <password_sha256_hex>${passwordSha256}</password_sha256_hex>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
    </${EMBEDDED_USER}>
  </users>
</clickhouse>
`;
}

function xml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
