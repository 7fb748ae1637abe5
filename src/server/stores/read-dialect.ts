// The few places where the statements of readers differ between the databases; the rest is SQL that both know.

/** Where statements for reading run. `$1`, `$2` ... stand for the values. */
export interface Reader {
  readonly dialect: Dialect;
  rows<R extends object>(sql: string, values?: readonly ReadValue[]): Promise<R[]>;
  close(): Promise<void>;
}

export type ReadValue = string | number | null;

export interface Dialect {
  /** A column of times as ISO 8601 text with microseconds. */
  iso(column: string): string;
  /** A placeholder for ISO 8601 text as what columns of times are compared with. */
  instant(placeholder: string): string;
  /** A column of times in whole seconds since 1970. */
  seconds(column: string): string;
  /** LIKE, whatever the case of ASCII letters. */
  readonly like: string;
  /** The statement of ledger accounts. */
  readonly accounts: string;
}

/** A statement under way: its values, each with its placeholder. */
export class Binder {
  readonly values: ReadValue[] = [];

  constructor(private readonly dialect: Dialect) {}

  get like(): string {
    return this.dialect.like;
  }

  /** PostgreSQL must know the type of a parameter that nothing else tells. */
  value(value: string): string {
    return `CAST(${this.add(value)} AS text)`;
  }

  whole(value: number): string {
    return `CAST(${this.add(value)} AS bigint)`;
  }

  real(value: number): string {
    return `CAST(${this.add(value)} AS double precision)`;
  }

  instant(value: string): string {
    return this.dialect.instant(this.add(value));
  }

  private add(value: ReadValue): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}
