require "json"

module Feed
  # Reads a feed and keeps what is new in it.
  class Reader
    def initialize(url)
      @url = url
      @seen = {}
    end

    # Yields each entry that was not there the last time.
    def each_new
      entries.each do |entry|
        next if @seen[entry["id"]]
        @seen[entry["id"]] = true
        yield entry
      end
    end

    def self.open(url)
      new(url)
    end
  end
end
