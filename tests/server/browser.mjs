// The npm socket.io-client in a process of its own, driven over pipes: a line in is [event, ...arguments] to send, a line
// out is [event, ...arguments] that was heard. node browser.mjs URL SID TRANSPORT
import { createRequire } from "node:module"
import { createInterface } from "node:readline"

const require = createRequire(new URL("../../frontend/package.json", import.meta.url))
const { io } = require("socket.io-client")

const [url, sid, transport] = process.argv.slice(2)
const socket = io(url, {
	transports: [transport],
	extraHeaders: { Cookie: `sid=${sid}`, Origin: "http://127.0.0.1:8000" },
	reconnectionDelay: 100,
	reconnectionDelayMax: 500,
})
const tell = (...line) => process.stdout.write(JSON.stringify(line) + "\n")

socket.on("connect", () => tell("connect", socket.io.engine.transport.name))
socket.on("connect_error", (error) => tell("connect_error", error.message))
socket.on("disconnect", (reason) => tell("disconnect", reason))
socket.onAny(tell)

createInterface({ input: process.stdin })
	.on("line", (line) => {
		const [event, ...args] = JSON.parse(line)
		if (event === "disconnect") socket.disconnect()
		else socket.emit(event, ...args)
	})
	.on("close", () => process.exit(0))
