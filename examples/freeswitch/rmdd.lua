-- rmdd on every call that comes in from other providers: FreeSWITCH with mod_lua and mod_curl. Put this into its scripts
-- directory, and first in the extension that takes calls from outside (dialplan/public):
--
--     <action application="lua" data="rmdd.lua"/>
--
-- It goes on with calls that may be accepted, and answers the others. The upstream is known by the IP address that the call
-- comes from. Tell rmdd whose it is:
--
--     rmdd peers add 192.0.2.7 0020237343 --kind ip --role gateway
--
-- No FreeSWITCH has run this: Debian has none. Lua 5.4 has, with stand-ins for `session` and `freeswitch`. A mod_curl that is
-- so old that it knows no timeouts passes over them, and a call waits for as long as rmdd hangs.

local RMDD = "http://127.0.0.1:7634"

-- What becomes of calls of which rmdd gives no verdict. false: 403 if nobody told it whose address this is, which is about this
-- upstream alone; 503 while it is down or has no listing yet, and the upstream takes another way. true: they go on.
local FAIL_OPEN = false

-- For the address of the question.
local function encode(text)
    return (text or ""):gsub("[^%w%-%._~]", function(c) return string.format("%%%02X", c:byte()) end)
end

-- What goes to 911 or a public safety answering point. Add the ten digit numbers of the answering points that you know.
local function is_emergency(destination, uri)
    return destination:gsub(";.*", ""):match("^%+?1?911$") ~= nil or uri:lower():match("urn:service:sos") ~= nil
end

local upstream = session:getVariable("sip_network_ip") or session:getVariable("network_addr")
local emergency = is_emergency(session:getVariable("destination_number") or "", session:getVariable("sip_req_uri") or "")
local ask = RMDD .. "/v1/check/peer:" .. encode(upstream) .. "?format=text&emergency=" .. tostring(emergency)
    .. "&caller_id=" .. encode(session:getVariable("caller_id_number"))
    -- For rmdd's decision log.
    .. "&ref=" .. encode(session:getVariable("sip_call_id"))

-- One line comes back: verdict, reason, sentence. Nothing, if rmdd is down. Seconds that a call may wait: it answers within a
-- millisecond, and this is for when it hangs.
local line = freeswitch.API():execute("curl", ask .. " connect-timeout 1 timeout 1") or ""
local verdict, reason = line:match("^(%u+) ([%u_]+) ")

if emergency then
    -- Never refused, whatever was answered, and if nothing was.
    freeswitch.consoleLog("notice", "rmdd: EMERGENCY call from " .. upstream .. " goes on: " .. line .. "\n")
elseif verdict == "ACCEPT" then
    session:setVariable("rmdd_reason", reason)
elseif verdict == "REFUSE" then
    freeswitch.consoleLog("notice", "rmdd: call from " .. upstream .. " refused: " .. line .. "\n")
    session:execute("respond", "603 " .. reason)
else
    freeswitch.consoleLog("err", "rmdd: NO VERDICT on a call from " .. upstream .. ": " .. line .. "\n")
    if not FAIL_OPEN then
        local unknown = line:match("^ERROR PEER_UNKNOWN ")
        session:execute("respond", unknown and "403 Unknown Upstream" or "503 No Verdict")
    end
end
