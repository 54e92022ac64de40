import { createHash } from 'node:crypto';

/** A Lua script and its name on the server. */
export interface Script {
  readonly source: string;
  readonly sha: string;
}

/**
 * The same script for a process whose memory the server tells of changes (tracking): it reads all its keys at the end. For
 * one write ends the tracking of a key for everybody, the writer included; a reading within the script begins it anew.
 */
export function rereading({ source }: Script): Script {
  return script(`local function work()
${source}
end
local answer = work()
for _, key in ipairs(KEYS) do redis.pcall('GETRANGE', key, 0, 0) end
return answer`);
}

export function script(source: string): Script {
  return { source, sha: createHash('sha1').update(source).digest('hex') };
}
