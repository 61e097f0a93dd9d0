/** @type {{ name: string, label: string, wide?: boolean, number?: boolean, fixed?: boolean }[]} */
export const FIELDS = [
  { name: "airport_name", label: "Name", wide: true },
  { name: "icao", label: "ICAO code", fixed: true },
  { name: "iata", label: "IATA code" },
  { name: "city", label: "City" },
  { name: "subdivision", label: "Region" },
  { name: "country", label: "Country" },
  { name: "timezone", label: "Time zone" },
  { name: "latitude", label: "Latitude", number: true },
  { name: "longitude", label: "Longitude", number: true },
  { name: "elevation", label: "Elevation (ft)", number: true },
];

/** @param {string} name */
export const labelOf = (name) => FIELDS.find((field) => field.name === name)?.label ?? name;
