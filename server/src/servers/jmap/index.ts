/** JMAP (RFC 8620, RFC 8621) over HTTP. Registered with the HTTP server: `http.register(jmapRoutes({...}))`. */
export { jmapRoutes } from './routes.ts'
